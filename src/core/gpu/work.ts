/**
 * What deciding costs, counted instead of timed so that the same input gives the same answer on every machine. One unit is a
 * device looked at for one share, well under a microsecond. Whoever asks for many nodes stops when it has spent enough.
 */
export type Work = { work: number };
