import { setFlagsFromString } from 'node:v8';

/**
 * A proxy starts once and then mostly waits, beside every pod of a mesh, so what the start leaves behind in memory counts. Most of it comes from
 * reading the descriptors of xDS: V8 grows its young generation for the garbage, and pages in its optimizing compilers for loops that never run
 * again. So both stay off until the start is over, and are back before there is traffic to make them worth it. Importing this module, before all
 * others, is what switches them off. (A collection at the end of the start was tried: it takes more pages than it gives back.)
 */
for (const flag of ['--semi-space-growth-factor=1', '--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag);
