declare const MESHWRIGHT_VERSION: string | undefined;

/** The package's version, put in by the bundler. */
export const VERSION = typeof MESHWRIGHT_VERSION === 'string' ? MESHWRIGHT_VERSION : 'development';
