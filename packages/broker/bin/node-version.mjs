// Plain old syntax: this file must load on every Node that knows modules, to tell the reader why nothing else does.
const WANTED = [20, 19];

/**
 * What to tell the user when this Node is too old; undefined when it will do.
 * @param {string} version as `process.versions.node` has it
 * @returns {string | undefined}
 */
export function nodeTooOld(version) {
  const parts = version.split('.');
  const major = Number(parts[0]);
  const minor = Number(parts[1]);
  if (major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1])) return undefined;
  return (
    'ce-broker needs Node.js ' +
    WANTED.join('.') +
    ' or newer, and this is ' +
    version +
    '. Get a current one at https://nodejs.org, or with your version manager (nvm install --lts).'
  );
}
