/** Members and objects per gang, kept as pods and objects come and go. Derives nothing: see standing.ts. */
import type { GangDialect, GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';

export type Gang = {
  /** `<namespace>/<name>` */
  readonly key: string;
  readonly members: ReadonlyMap<string, PodFacts>;
  /** PodGroup objects of that name, by the CRD that they are of */
  readonly objects: ReadonlyMap<GangDialect, GangObjectFacts>;
  /** grows with every change of members or objects */
  readonly version: number;
};

type Kept = {
  readonly key: string;
  readonly members: Map<string, PodFacts>;
  readonly objects: Map<GangDialect, GangObjectFacts>;
  version: number;
};

export class Gangs {
  readonly #byKey = new Map<string, Kept>();
  readonly #keyByUid = new Map<string, string>();
  /** keys touched since `takeChanged` was asked last */
  #changed = new Set<string>();
  #versions = 0;

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
    if (!same) this.#touch(facts.key);
  }

  removeObject(key: string, dialect: GangDialect): void {
    this.#byKey.get(key)?.objects.delete(dialect);
    this.#left(key);
  }

  #keep(key: string): Kept {
    let gang = this.#byKey.get(key);
    if (gang === undefined) {
      gang = { key, members: new Map(), objects: new Map(), version: 0 };
      this.#byKey.set(key, gang);
    }
    return gang;
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
