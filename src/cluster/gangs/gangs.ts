/** Members and objects per gang, kept as pods and objects come and go. Derives nothing: see standing.ts. */
import type { GangDialect, GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';

export type Gang = {
  /** `<namespace>/<name>` */
  readonly key: string;
  readonly members: ReadonlyMap<string, PodFacts>;
  /** PodGroup objects of that name, by the CRD that they are of */
  readonly objects: ReadonlyMap<GangDialect, GangObjectFacts>;
  /** value by name of every PriorityClass; empty: they were not listed, or cannot be */
  readonly classes: ReadonlyMap<string, number>;
  /** grows with every change of members or objects */
  readonly version: number;
};

type Kept = {
  readonly key: string;
  readonly members: Map<string, PodFacts>;
  readonly objects: Map<GangDialect, GangObjectFacts>;
  readonly classes: ReadonlyMap<string, number>;
  version: number;
};

export class Gangs {
  readonly #byKey = new Map<string, Kept>();
  readonly #keyByUid = new Map<string, string>();
  /** keys touched since `takeChanged` was asked last */
  #changed = new Set<string>();
  readonly #classes = new Map<string, number>();
  #versions = 0;
  #objectsVersion = 0;

  /** Grows with every change of what objects say: PodGroups, and the PriorityClasses that they name. */
  get objectsVersion(): number {
    return this.#objectsVersion;
  }

  get(key: string): Gang | undefined {
    return this.#byKey.get(key);
  }

  /** The gang that a pod is in, by what it says now. */
  of(uid: string): Gang | undefined {
    const key = this.#keyByUid.get(uid);
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  values(): IterableIterator<Gang> {
    return this.#byKey.values();
  }

  /** Keys of gangs whose members or objects changed since the last call. */
  takeChanged(): ReadonlySet<string> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** Of the pod in the line: that of its gang's object where it names a class, else its own. */
  priorityOf({ gangSaid, priority }: PodFacts): number {
    const object = gangSaid === null ? undefined : this.#byKey.get(gangSaid.key)?.objects.get(gangSaid.dialect);
    const name = object?.priorityClassName ?? '';
    return name === '' ? priority : (this.#classes.get(name) ?? priority);
  }

  /** `value` null: there is no such PriorityClass any more. O(gangs) */
  setClass(name: string, value: number | null): void {
    if (value === (this.#classes.get(name) ?? null)) return;
    const before = this.#classes.size;
    if (value === null) this.#classes.delete(name);
    else this.#classes.set(name, value);
    // the first one tells that all others are unknown, and with the last one that ends
    const all = before === 0 || this.#classes.size === 0;
    for (const gang of this.#byKey.values())
      for (const { priorityClassName } of gang.objects.values())
        if (priorityClassName === name || (all && priorityClassName !== '')) this.#said(gang.key);
  }

  upsertPod(pod: PodFacts): void {
    const key = pod.gangSaid?.key;
    const before = this.#keyByUid.get(pod.uid);
    if (before !== undefined && before !== key) this.removePod(pod.uid);
    if (key === undefined) return;
    this.#keyByUid.set(pod.uid, key);
    this.#keep(key).members.set(pod.uid, pod);
    this.#touch(key);
  }

  removePod(uid: string): void {
    const key = this.#keyByUid.get(uid);
    if (key === undefined) return;
    this.#keyByUid.delete(uid);
    this.#byKey.get(key)?.members.delete(uid);
    this.#left(key);
  }

  upsertObject(facts: GangObjectFacts): void {
    const { objects } = this.#keep(facts.key);
    const same = textOf(objects.get(facts.dialect)) === textOf(facts);
    objects.set(facts.dialect, facts);
    // statuses are written all the time, and nobody plans anew because of one
    if (!same) this.#said(facts.key);
  }

  removeObject(key: string, dialect: GangDialect): void {
    this.#byKey.get(key)?.objects.delete(dialect);
    this.#objectsVersion++;
    this.#left(key);
  }

  #keep(key: string): Kept {
    let gang = this.#byKey.get(key);
    if (gang === undefined) {
      gang = { key, members: new Map(), objects: new Map(), classes: this.#classes, version: 0 };
      this.#byKey.set(key, gang);
    }
    return gang;
  }

  #said(key: string): void {
    this.#objectsVersion++;
    this.#touch(key);
  }

  #touch(key: string): void {
    this.#changed.add(key);
    const gang = this.#byKey.get(key);
    // one that comes again under an old name is not the old one
    if (gang !== undefined) gang.version = ++this.#versions;
  }

  #left(key: string): void {
    this.#touch(key);
    const gang = this.#byKey.get(key);
    if (gang?.members.size === 0 && gang.objects.size === 0) this.#byKey.delete(key);
  }
}

/** Without what no decision rests on. */
const textOf = (facts: GangObjectFacts | undefined): string => JSON.stringify({ ...facts, phase: '' });
