/**
 * The objects of one API server: a table per resource, one counter of resourceVersions over all of them, and per table a
 * bounded history of changes. The history serves three things: watches that resume, pages of a list at the version of its
 * first page, and the refusal of versions that are too old (410).
 *
 * Writes are synchronous. Objects are immutable, so a reader may keep what it was given.
 */
import { ApiError } from './errors.ts';
import { type KubeObject, storeKey } from './object.ts';

/** One version of one object. `json` is encoded once, when first asked for, and shared by lists and watches. */
export type Version = { readonly key: string; readonly rv: number; readonly object: KubeObject; json: string | null };

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';
export type Change = {
  readonly type: ChangeType;
  readonly rv: number;
  readonly next: Version;
  /** what was stored before; null for ADDED */
  readonly previous: Version | null;
};

export function encoded(version: Version): string {
  version.json ??= JSON.stringify(version.object);
  return version.json;
}

/** One version of a whole table. */
export type View = { readonly keys: readonly string[]; get(key: string): Version | undefined };

/** keys merged into the sorted list at once: bounds what one list pays for many creations */
const ADDED_AT_MOST = 2048;

/** Two sorted lists as one, without doubles. */
function merged(left: readonly string[], right: readonly string[]): string[] {
  const all: string[] = [];
  let at = 0;
  for (const key of right) {
    while (at < left.length && left[at]! < key) all.push(left[at++]!);
    if (left[at] !== key && all.at(-1) !== key) all.push(key);
  }
  while (at < left.length) all.push(left[at++]!);
  return all;
}

export class Table {
  readonly #rows = new Map<string, Version>();
  readonly #watchers = new Set<(change: Change) => void>();
  readonly #dropped = new Set<() => void>();
  readonly #historySize: number;
  #history: Change[] = [];
  /** changes up to and including this version are forgotten */
  #forgotten: number;
  /** sorted; may still hold keys that are gone */
  #sorted: string[] = [];
  /** added since, in order of coming */
  #added: string[] = [];
  #gone = false;

  constructor(historySize: number, startVersion: number) {
    this.#historySize = historySize;
    this.#forgotten = startVersion;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): Version | undefined {
    return this.#rows.get(key);
  }

  /** Keys in etcd's order. */
  keys(): readonly string[] {
    if (this.#added.length > 0) {
      this.#sorted = merged(this.#sorted, this.#added.sort());
      this.#added = [];
    }
    if (this.#gone) {
      this.#sorted = this.#sorted.filter((key) => this.#rows.has(key));
      this.#gone = false;
    }
    return this.#sorted;
  }

  /** Applies one change and tells the watchers, in the order they came. */
  apply(change: Change): void {
    const { key } = change.next;
    if (change.type === 'DELETED') {
      this.#rows.delete(key);
      this.#gone = true;
    } else {
      this.#rows.set(key, change.next);
      if (change.type === 'ADDED' && this.#added.push(key) >= ADDED_AT_MOST) this.keys();
    }
    this.#history.push(change);
    // cut in halves, so that the copy is paid once per `historySize` writes
    if (this.#history.length >= 2 * this.#historySize) {
      const cut = this.#history.length - this.#historySize;
      this.#forgotten = this.#history[cut - 1]?.rv ?? this.#forgotten;
      this.#history = this.#history.slice(cut);
    }
    for (const tell of this.#watchers) tell(change);
  }

  /** Changes after `rv`, oldest first. Throws 410 when some of them are forgotten. */
  since(rv: number): readonly Change[] {
    if (rv < this.#forgotten) {
      throw new ApiError('Expired', `too old resource version: ${rv} (${this.#forgotten})`);
    }
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#history[middle]!.rv <= rv) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }

  /** The table as it was at `rv`, valid until the next write. Throws 410 when the history does not reach back that far. */
  at(rv: number): View {
    const then = new Map<string, Version | null>();
    for (const change of this.since(rv)) {
      if (!then.has(change.next.key)) then.set(change.next.key, change.previous);
    }
    if (then.size === 0) return { keys: this.keys(), get: (key) => this.#rows.get(key) };
    const known = new Set([...this.keys(), ...then.keys()]);
    return {
      keys: [...known].filter((key) => then.get(key) !== null).sort(),
      get: (key) => then.get(key) ?? this.#rows.get(key),
    };
  }

  /** Calls `tell` for each change from now on until the returned function is called. */
  watch(tell: (change: Change) => void): () => void {
    this.#watchers.add(tell);
    return () => this.#watchers.delete(tell);
  }

  /** Calls `run` when the table is no more, until the returned function is called. */
  onDrop(run: () => void): () => void {
    this.#dropped.add(run);
    return () => this.#dropped.delete(run);
  }

  drop(): void {
    for (const run of this.#dropped) run();
  }

  /** Forgets the history, as etcd's compaction does: older versions answer 410 from now on. */
  compact(rv: number): void {
    this.#history = [];
    this.#forgotten = rv;
  }
}

export class Store {
  readonly #tables = new Map<string, Table>();
  readonly #historySize: number;
  #rv: number;

  /** @param startVersion first resourceVersion; anything older is answered with 410, as by a restarted API server */
  constructor(resourceIds: readonly string[], historySize: number, startVersion: number) {
    this.#rv = startVersion;
    this.#historySize = historySize;
    for (const id of resourceIds) this.#tables.set(id, new Table(historySize, startVersion));
  }

  /** the version of the last write anywhere */
  get version(): number {
    return this.#rv;
  }

  table(resourceId: string): Table {
    const table = this.#tables.get(resourceId);
    if (table === undefined) throw new ApiError('InternalError', `no table ${resourceId}`);
    return table;
  }

  /** A table for a resource that came while the server runs. One that is there stays. */
  addTable(resourceId: string): Table {
    const table = this.#tables.get(resourceId) ?? new Table(this.#historySize, this.#rv);
    this.#tables.set(resourceId, table);
    return table;
  }

  /** Forgets the table; watches of it end. */
  dropTable(resourceId: string): void {
    const table = this.#tables.get(resourceId);
    this.#tables.delete(resourceId);
    table?.drop();
  }

  tables(): Iterable<[string, Table]> {
    return this.#tables;
  }

  /** Stores an object under the next resourceVersion and returns it with that version. */
  put(resourceId: string, object: KubeObject): Version {
    const table = this.table(resourceId);
    const key = storeKey(object.metadata.namespace ?? '', object.metadata.name);
    const previous = table.get(key) ?? null;
    const next = this.#stamp(key, object);
    table.apply({ type: previous ? 'MODIFIED' : 'ADDED', rv: next.rv, next, previous });
    return next;
  }

  /** Removes what is stored under the key of `object`; watchers see `object` as its last state. */
  remove(resourceId: string, object: KubeObject): Version {
    const table = this.table(resourceId);
    const key = storeKey(object.metadata.namespace ?? '', object.metadata.name);
    const previous = table.get(key) ?? null;
    const next = this.#stamp(key, object);
    table.apply({ type: 'DELETED', rv: next.rv, next, previous });
    return next;
  }

  /**
   * Replaces everything by objects of a former life, with their versions: `version` is what the counter stood at. Who watches sees
   * the old ones leave and the others come; older versions answer 410. Throws for a resource that is not served.
   */
  restore(version: number, objects: Iterable<{ readonly id: string; readonly object: KubeObject }>): void {
    for (const table of this.#tables.values()) {
      for (const key of table.keys()) {
        const previous = table.get(key)!;
        table.apply({ type: 'DELETED', rv: this.#rv, next: previous, previous });
      }
    }
    for (const { id, object } of objects) {
      const key = storeKey(object.metadata.namespace ?? '', object.metadata.name);
      const rv = Number(object.metadata.resourceVersion);
      this.table(id).apply({ type: 'ADDED', rv, next: { key, rv, object, json: null }, previous: null });
    }
    this.#rv = version;
    for (const table of this.#tables.values()) table.compact(version);
  }

  #stamp(key: string, object: KubeObject): Version {
    this.#rv += 1;
    const rv = this.#rv;
    const metadata = { ...object.metadata, resourceVersion: String(rv) };
    return { key, rv, object: { ...object, metadata }, json: null };
  }
}
