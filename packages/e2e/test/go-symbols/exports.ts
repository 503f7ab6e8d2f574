import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** What modules export according to their built declarations: values and types, and the members of both. */
export class Exports {
  readonly #checker: ts.TypeChecker;
  readonly #exports: ReadonlyMap<string, ReadonlyMap<string, ts.Symbol>>;

  constructor(modules: readonly string[]) {
    const files = new Map(modules.map((module) => [module, declarationsOf(module)]));
    const program = ts.createProgram([...files.values()], {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      typeRoots: [fileURLToPath(new URL('../../../../node_modules/@types', import.meta.url))],
      skipLibCheck: true,
      noEmit: true,
    });
    this.#checker = program.getTypeChecker();
    this.#exports = new Map([...files].map(([module, file]) => [module, this.#exportsOf(program, file)]));
  }

  has(module: string, name: string): boolean {
    return this.#exports.get(module)?.has(name) === true;
  }

  /** Whether it is there when the program runs, and not a type only. */
  isValue(module: string, name: string): boolean {
    const symbol = this.#exports.get(module)?.get(name);
    return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Value) !== 0;
  }

  /** A method or property of an instance, of a static side, or of an object of values. */
  hasMember(module: string, name: string, member: string): boolean {
    const symbol = this.#exports.get(module)?.get(name);
    if (symbol === undefined) return false;
    const types = [this.#checker.getDeclaredTypeOfSymbol(symbol), this.#checker.getTypeOfSymbol(symbol)];
    return types.some((type) => this.#checker.getPropertyOfType(type, member) !== undefined);
  }

  #exportsOf(program: ts.Program, file: string): ReadonlyMap<string, ts.Symbol> {
    const source = program.getSourceFile(file);
    const module = source && this.#checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${file} is not there; to build it: npx tsc -b`);
    return new Map(
      this.#checker.getExportsOfModule(module).map((symbol) => [symbol.name, this.#real(symbol)]),
    );
  }

  #real(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }
}

function declarationsOf(module: string): string {
  return fileURLToPath(import.meta.resolve(module)).replace(/\.js$/, '.d.ts');
}
