import * as fc from 'fast-check';

/**
 * Properties draw other inputs in each run; where CI is set, always the same ones for the same code, so that what turns red is the change.
 * `PROPERTY_SEED=n` draws those of a run that failed.
 */
const seed = process.env.PROPERTY_SEED ?? (process.env.CI ? '1' : undefined);
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
