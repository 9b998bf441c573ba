/**
 * What a reflector has told its sink: per namespace/name the uid and resourceVersion delivered last. Turns whatever the server
 * sends (repeats, whole lists, a recreation in a gap) into the calls a sink needs: upsert, remove. Keeps no objects.
 */
import type { DecodedObject, ObjectKey } from './decoder.ts';

export type Item<T> = ObjectKey & { readonly resourceVersion: string; readonly object: T };

export interface Sink<T> {
  /** a new object, or a newer state of a known uid */
  upsert(item: Item<T>): void;
  /** the object with this uid is gone (or its state can no longer be read); called only for uids that were upserted */
  remove(key: ObjectKey): void;
  /** a whole list is through, the removals of what vanished included. Again after every later relist. */
  synced(): void;
}

type Entry = ObjectKey & { resourceVersion: string; listing: number };

/** Sink failed for this state, or was never told: differs from every real resourceVersion. */
const UNTOLD = '';

export class Delivered<T> {
  readonly #sink: Sink<T>;
  readonly #onSinkError: (error: unknown, what: string) => void;
  readonly #entries = new Map<string, Entry>();
  #listing = 0;

  constructor(sink: Sink<T>, onSinkError: (error: unknown, what: string) => void) {
    this.#sink = sink;
    this.#onSinkError = onSinkError;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** From here on `put` marks what the new list holds; a listing that failed is simply begun anew. */
  beginListing(): void {
    this.#listing += 1;
  }

  /** Removes what the list that just ended did not hold, then says `synced`. */
  endListing(): void {
    for (const [id, entry] of this.#entries) {
      if (entry.listing !== this.#listing) this.#remove(id, entry);
    }
    this.#call('synced', () => this.#sink.synced());
  }

  /** An object as it is now. Repeats of the state delivered last reach nobody. object null: counts as absent. */
  put(decoded: DecodedObject<T>): void {
    const id = identity(decoded);
    const known = this.#entries.get(id);
    const { uid, namespace, name, resourceVersion, object } = decoded;
    if (object === null) {
      if (known !== undefined) this.#remove(id, known);
      return;
    }
    if (known !== undefined) {
      known.listing = this.#listing;
      if (known.uid === uid && known.resourceVersion === resourceVersion) return;
      if (known.uid !== uid) this.#remove(id, known);
    }
    const done = this.#call(`upsert of ${id}`, () =>
      this.#sink.upsert({ uid, namespace, name, resourceVersion, object }),
    );
    this.#entries.set(id, {
      uid,
      namespace,
      name,
      resourceVersion: done ? resourceVersion : UNTOLD,
      listing: this.#listing,
    });
  }

  /** A deletion seen. A late one for a uid that is known no more reaches nobody. */
  drop(key: ObjectKey): void {
    const id = identity(key);
    const known = this.#entries.get(id);
    if (known === undefined) return;
    // without a uid (an object that could not be read) the name has to do
    if (key.uid === '' || known.uid === key.uid) this.#remove(id, known);
  }

  /** `uid@resourceVersion` per namespace/name: what an audit compares. */
  states(): Map<string, string> {
    const states = new Map<string, string>();
    for (const [id, entry] of this.#entries) states.set(id, state(entry));
    return states;
  }

  #remove(id: string, { uid, namespace, name }: Entry): void {
    this.#entries.delete(id);
    this.#call(`remove of ${id}`, () => this.#sink.remove({ uid, namespace, name }));
  }

  #call(what: string, run: () => void): boolean {
    try {
      run();
      return true;
    } catch (error) {
      this.#onSinkError(error, what);
      return false;
    }
  }
}

export const identity = (key: ObjectKey): string => (key.namespace === '' ? key.name : `${key.namespace}/${key.name}`);
export const state = (entry: { uid: string; resourceVersion: string }): string =>
  `${entry.uid}@${entry.resourceVersion}`;
