import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** A program or a file says its own name in its first line: `// agent.ts`, `# agent.yaml`. */
  readonly name: string | undefined;
  /** What stands in the `text` block right after it: what it prints. */
  readonly prints: string | undefined;
}

export function readBlocks(page: string): readonly Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$(?=(\n\n```text\n([\s\S]*?)^```$)?)/gm)];
  return blocks.map(([, language = '', block = '', , prints]) => {
    const [, name] = /^(?:\/\/|#) (\S+\.(?:ts|yaml))\n/.exec(block) ?? [];
    return { language, text: block, name, prints };
  });
}

/** Compiles programs as strictly as our own; gives what is wrong with them, a line each. */
export function compile(files: readonly string[]): string[] {
  const base = join(root, 'tsconfig.base.json');
  const { config } = ts.readConfigFile(base, (path) => readFileSync(path, 'utf8'));
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram([...files], {
    ...options,
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    typeRoots: [join(root, 'node_modules/@types')],
  });
  const emitted = program.emit();
  return [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics].map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
    const { file, start = 0 } = diagnostic;
    if (file === undefined) return message;
    const { line } = file.getLineAndCharacterOfPosition(start);
    return `${file.fileName.slice(file.fileName.lastIndexOf('/') + 1)}:${line + 1}: ${message}`;
  });
}
