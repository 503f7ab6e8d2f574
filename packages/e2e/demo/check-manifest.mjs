// The command of one agent: reads a manifest from stdin, and refuses what its cluster does not run.
import { parseAllDocuments } from 'yaml';

const name = process.env.CE_BROKER_NAME ?? 'stdin';
if (process.env.CE_BROKER_ACTION === 'DELETED') {
  console.log(`${name}: nothing to check any more`);
} else {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  const problems = parseAllDocuments(text).flatMap((document) =>
    document.errors.length > 0 ? document.errors.map((error) => error.message) : check(document.toJS()),
  );
  for (const problem of problems) console.log(problem);
  if (problems.length === 0) console.log(`${name}: fine`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** What is wrong with one object. */
function check(object) {
  const problems = ['apiVersion', 'kind']
    .filter((key) => typeof object?.[key] !== 'string')
    .map((key) => `${key} is missing`);
  if (typeof object?.metadata?.name !== 'string') problems.push('metadata.name is missing');
  for (const { name: container, image, resources } of object?.spec?.template?.spec?.containers ?? []) {
    const [, tag] = /:([^:/]+)$/.exec(image ?? '') ?? [];
    if (tag === undefined || tag === 'latest') {
      problems.push(`container ${container}: the image ${image} has no fixed version`);
    }
    if (resources?.limits?.memory === undefined) problems.push(`container ${container}: no memory limit`);
  }
  return problems;
}
