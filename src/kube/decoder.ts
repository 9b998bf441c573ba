/**
 * The port between bytes of the API server and projected objects. Two implementations: `inline-decoder.ts` (this thread,
 * deterministic) and `worker-decoder.ts` (another thread, for pods and nodes of real clusters).
 */

/** What names one object: the uid decides, namespace and name are for people and for objects that could not be projected. */
export type ObjectKey = { readonly uid: string; readonly namespace: string; readonly name: string };

/** object null: the projection refused it (malformed); it counts as absent */
export type DecodedObject<T> = ObjectKey & { readonly resourceVersion: string; readonly object: T | null };

export type WatchError = {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  /** the resourceVersion asked for is one the server has not reached (its store was restored): only a list helps */
  readonly ahead: boolean;
};

export type WatchEvent<T> =
  | (DecodedObject<T> & { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' })
  /** initialEventsEnd: everything that existed when the watch began was sent (WatchList) */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEventsEnd: boolean }
  | { readonly type: 'ERROR'; readonly error: WatchError };

export type PageEnd = {
  readonly resourceVersion: string;
  /** '' on the last page */
  readonly continueToken: string;
};

/** Pure: same object, same answer. null = the object is not what its kind promises. Must survive structured cloning. */
export type Projection<T> = (object: unknown) => T | null;

/** A projection that another thread can load: the module's URL and the name under which it exports the function. */
export type ProjectionRef = { readonly module: string; readonly name: string };

/**
 * One watch's bytes. `write` resolves when the next chunk may come, so memory stays bounded when the server is faster than we
 * are; both reject with DecodeError: 'malformed' at the first line that is no watch event. Events before it were delivered.
 */
export interface WatchDecode {
  write(chunk: Buffer): Promise<void>;
  /** after the last chunk; resolves when everything was delivered */
  end(): Promise<void>;
  /** nothing is delivered after this call */
  abort(): void;
}

export interface Decoder<T> {
  /**
   * One list page, handed over in batches; resolves after the last one. Takes the body over: the caller must not use it again.
   * Rejects with DecodeError.
   */
  page(body: Buffer, deliver: (batch: readonly DecodedObject<T>[]) => void): Promise<PageEnd>;
  watch(deliver: (batch: readonly WatchEvent<T>[]) => void): WatchDecode;
}

/**
 * The URL of a module beside the caller's, whether it runs as .ts source or as compiled .js:
 * `moduleBeside(import.meta.url, './pod-projection')`.
 */
export function moduleBeside(callerUrl: string, path: string): string {
  const extension = /\.ts(?:\?|$)/.test(callerUrl) ? '.ts' : '.js';
  return new URL(`${path}${extension}`, callerUrl).href;
}
