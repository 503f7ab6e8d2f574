import fc from 'fast-check';

/**
 * Every property plays the same cases in every run, so a red run is the change's doing and can be played again.
 * `PROPERTY_SEED=random npx vitest run` looks further, `PROPERTY_SEED=<number>` plays what such a run printed.
 */
const asked = process.env.PROPERTY_SEED ?? '20260101';
if (asked !== 'random') {
  const seed = Number(asked);
  if (!Number.isInteger(seed))
    throw new Error(`PROPERTY_SEED is "${asked}": give a whole number or "random"`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
