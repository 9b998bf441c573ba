/** What a reflector counts. */

/** Counters since start; read them whenever you like. */
export type ReflectorStats = {
  /** lists begun, the first one included */
  lists: number;
  /** lists after the first one that completed: each means that history was lost */
  relists: number;
  /** watches opened */
  watches: number;
  /** watches that ended by a fault (not by the server's time limit) */
  reconnects: number;
  /** objects received, by list or watch */
  objects: number;
  /** watch events received, bookmarks included */
  events: number;
  /** streams and pages that could not be read */
  decodeErrors: number;
  /** objects that the projection refused */
  malformedObjects: number;
  sinkErrors: number;
  bytes: number;
  /** `Clock.monotonic` of the last byte of a watch or the last list page; null before */
  lastEventMonotonic: number | null;
  /** a watch is open that continues a complete list */
  live: boolean;
};

export const newStats = (): ReflectorStats => ({
  lists: 0,
  relists: 0,
  watches: 0,
  reconnects: 0,
  objects: 0,
  events: 0,
  decodeErrors: 0,
  malformedObjects: 0,
  sinkErrors: 0,
  bytes: 0,
  lastEventMonotonic: null,
  live: false,
});
