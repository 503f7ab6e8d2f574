// The public API of each package as one file that a reviewer can read (etc/*.api.md). Fails when it has changed.
//   node scripts/api-reports.mjs [--update]
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { packages } from './lib/packages.mjs';
import { prepare, root } from './lib/prepare.mjs';

const update = process.argv.includes('--update');
const built = await prepare();
let changed = built === 0 ? 0 : 1;
if (built === 0) for (const { name, folder } of packages) changed += report(name, folder);
process.exitCode = changed === 0 ? 0 : 1;

function report(name, folder) {
  const scratch = mkdtempSync(join(tmpdir(), 'ce-broker-api-'));
  try {
    const config = ExtractorConfig.prepare({
      configObject: {
        projectFolder: folder,
        mainEntryPointFilePath: join(folder, 'dist', 'index.d.ts'),
        compiler: { tsconfigFilePath: join(folder, 'tsconfig.json') },
        apiReport: {
          enabled: true,
          reportFileName: `${name}.api.md`,
          reportFolder: scratch,
          reportTempFolder: join(scratch, 'temp'),
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        newlineKind: 'lf',
        messages: {
          compilerMessageReporting: { default: { logLevel: 'error' } },
          // No release tags: what is exported is public.
          extractorMessageReporting: {
            default: { logLevel: 'warning', addToApiReportFile: true },
            'ae-missing-release-tag': { logLevel: 'none' },
          },
          tsdocMessageReporting: { default: { logLevel: 'none' } },
        },
      },
      configObjectFullPath: undefined,
      packageJsonFullPath: join(folder, 'package.json'),
    });
    const result = Extractor.invoke(config, {
      localBuild: true,
      showVerboseMessages: false,
      messageCallback: (message) => {
        // The bundled compiler is older than ours, and says so each time.
        if (message.messageId.startsWith('console-')) message.logLevel = 'none';
      },
    });
    if (result.errorCount > 0) {
      console.error(`${name}: the API report could not be made`);
      return 1;
    }
    return compare(name, readFileSync(join(scratch, `${name}.api.md`), 'utf8'), join(folder, 'etc'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function compare(name, text, folder) {
  const path = join(folder, `${name}.api.md`);
  const committed = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const shown = path.slice(root.length);
  if (committed === text) {
    console.log(`${name}: as in ${shown}`);
    return 0;
  }
  if (update) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
    console.log(`${name}: wrote ${shown}`);
    return 0;
  }
  console.error(
    `${name}: the public API is not that of ${shown}; if that is meant, run npm run api -- --update`,
  );
  for (const line of difference(committed, text)) console.error(`  ${line}`);
  return 1;
}

/** Lines that one side has and the other has not: enough to see what changed. */
function difference(before, after) {
  const [old, fresh] = [new Set(before.split('\n')), new Set(after.split('\n'))];
  const gone = [...old].filter((line) => !fresh.has(line)).map((line) => `- ${line}`);
  const come = [...fresh].filter((line) => !old.has(line)).map((line) => `+ ${line}`);
  return [...gone, ...come].slice(0, 40);
}
