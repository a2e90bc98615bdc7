export const GIB = 1024 * 1024 * 1024;

/** Of one process of a play; what is summed over its namespace comes with the level strict. */
export const PLAY_LIMITS = { nofile: 4096, core: 0, fsize: 16 * GIB, as: 64 * GIB, nproc: 512 };
/** Of the child that parses a source. */
export const INSPECT_LIMITS = { nofile: 64, core: 0, fsize: 0, as: 2 * GIB, cpu: 10, nproc: 8 };
