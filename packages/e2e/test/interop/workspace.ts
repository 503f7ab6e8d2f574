import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of one test file, with the SDK's configuration files in it. */
export class Workspace {
  private made: string | undefined;

  /** Made when first asked for: a block that is left out leaves no folder behind. */
  get dir(): string {
    this.made ??= mkdtempSync(join(tmpdir(), 'ce-broker-interop-'));
    return this.made;
  }

  /** Writes a gRPC configuration file as a Go user has it. Empty fields are left out. */
  grpcConfig(name: string, fields: Readonly<Record<string, string>>): string {
    return this.file(
      `${name}.yaml`,
      Object.entries(fields)
        .map(([key, value]) => `${key}: ${value}\n`)
        .join(''),
    );
  }

  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  [Symbol.dispose](): void {
    if (this.made !== undefined) rmSync(this.made, { recursive: true, force: true });
  }
}
