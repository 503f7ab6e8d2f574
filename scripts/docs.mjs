// The reference of the published packages, as HTML in docs/reference/api (not committed). What is exported must be explained, and every
// link must lead somewhere: a warning fails it.
//   node scripts/docs.mjs [--check]      (--check: only says whether it could be built)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Application, ReflectionKind } from 'typedoc';
import { prepare, root } from './lib/prepare.mjs';

const PACKAGES = [
  { folder: 'proto', entries: ['src/index.ts', 'src/cloudevents.ts'] },
  { folder: 'packages/broker', entries: ['src/index.ts'] },
  { folder: 'packages/client', entries: ['src/index.ts', 'src/metrics/index.ts', 'src/cloudevents.ts'] },
];
const CHECKS = {
  validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: false },
  excludePrivate: true,
  excludeInternal: true,
};

const check = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'ce-broker-docs-'));
try {
  process.exitCode = (await prepare()) === 0 && (await build()) ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function build() {
  const parts = [];
  for (const { folder, entries } of PACKAGES) {
    const part = join(scratch, `${folder.replace('/', '-')}.json`);
    const options = {
      ...CHECKS,
      entryPoints: entries.map((entry) => join(root, folder, entry)),
      tsconfig: join(root, folder, 'tsconfig.json'),
      readme: join(root, folder, 'README.md'),
    };
    if (!(await typedoc(options, (app, project) => app.generateJson(project, part)))) return false;
    parts.push(part);
  }
  const out = join(root, 'docs', 'reference', 'api');
  const merged = {
    entryPointStrategy: 'merge',
    entryPoints: parts,
    name: 'ce-broker',
    readme: join(root, 'docs', 'reference', 'front-page.md'),
  };
  const built = await typedoc(merged, (app, project) => (check ? undefined : app.generateDocs(project, out)));
  if (built && !check) console.log(`\nthe reference: ${join(out, 'index.html')}`);
  return built;
}

/** Whether it went without an error, and without a warning. */
async function typedoc(options, write) {
  const app = await Application.bootstrapWithPlugins({ ...options, disableSources: true });
  const project = await app.convert();
  if (project === undefined) return false;
  app.validate(project);
  for (const name of withoutWords(project))
    app.logger.warn(`${name} is exported without a sentence about it`);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) return false;
  await write(app, project);
  return !app.logger.hasErrors();
}

/** What the entry points export and nobody has explained. */
function withoutWords(project) {
  const modules = project.getReflectionsByKind(ReflectionKind.Module | ReflectionKind.Project);
  return modules
    .flatMap(({ children = [] }) => children)
    .filter((reflection) => !reflection.kindOf(ReflectionKind.Module) && !reflection.isReference())
    .filter(({ comment, signatures = [] }) => !comment && !signatures.some((signature) => signature.comment))
    .map((reflection) => reflection.getFullName());
}
