import { CeBrokerError } from 'ce-broker-proto';
import { parseTokenFile, type StaticToken, TokenTable } from '../access/token-table.js';
import { readOptionFile } from './files.js';

/** The known tokens of this moment: those of the options, and those of a file that may change. */
export class TokenSource {
  readonly path: string | undefined;
  readonly #fixed: readonly StaticToken[];
  #table: TokenTable;
  #generation = 0;

  /** Throws `unreadable_file`, or `invalid_config` with file and line. */
  constructor(fixed: readonly StaticToken[], path: string | undefined) {
    this.#fixed = fixed;
    this.path = path;
    this.#table = this.#read();
  }

  get table(): TokenTable {
    return this.#table;
  }

  /** Another number whenever another table is there. */
  get generation(): number {
    return this.#generation;
  }

  /** Reads the file again. Throws as the constructor does, and then keeps what was known. */
  reload(): void {
    this.#table = this.#read();
    this.#generation += 1;
  }

  #read(): TokenTable {
    const fromFile =
      this.path === undefined
        ? []
        : parseTokenFile(readOptionFile(this.path, 'tokenFile').toString('utf8'), this.path);
    if (this.path !== undefined && fromFile.length === 0) {
      throw new CeBrokerError(
        'invalid_config',
        `${this.path}: no token in it; a line is token,user,uid,"group1,group2"`,
        { field: 'tokenFile' },
      );
    }
    return new TokenTable([...this.#fixed, ...fromFile]);
  }
}
