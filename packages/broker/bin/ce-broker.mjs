#!/usr/bin/env node
import { nodeTooOld } from './node-version.mjs';

const problem = nodeTooOld(process.versions.node);
if (problem !== undefined) {
  console.error(problem);
  process.exitCode = 2;
} else {
  import('../dist/cli/main.js')
    .then(({ main }) => main(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    });
}
