/**
 * The PriorityClasses that PodGroups name, and PodGroups of every CRD that the server serves, also of those that are installed, or taken away, while this runs. Which there are is
 * asked of discovery: at the start, and then every half minute.
 *
 * They are optional in every sense: a kind that cannot be read (its CRD just gone, no permission) is reported and holds nothing up for
 * longer than a start should take. Its gangs wait meanwhile: nobody says how many members they have.
 */
import type { GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import { backoffMs } from '../../kube/backoff.ts';
import type { ObjectKey } from '../../kube/decoder.ts';
import { ReflectorError } from '../../kube/errors.ts';
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import type { Clock, Rng, Timer, Transport } from '../../kube/ports.ts';
import { Reflector, type ReflectorStats } from '../../kube/reflector.ts';
import type { Told } from '../kept/kinds.ts';
import { toldCollection } from '../kept/telling.ts';
import type { Picture } from '../picture.ts';
import { type ClassFacts, projectClass } from '../projection/class.ts';
import { GANG_KINDS, type GangKind, projectGang } from '../projection/gang.ts';
import { fieldsOf, listOf, own, textOf } from '../projection/shapes.ts';

export type GangInformerOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly onError: (kind: string, error: ReflectorError) => void;
  readonly told?: Told | undefined;
};

const PLURAL = 'podgroups';
const CLASSES = 'priorityclasses';
const DISCOVERY_TIMEOUT_MS = 10_000;
const LOOK_MS = 30_000;
/** … and where not all was answered, ms */
const LOOK_AGAIN_MS = 2_000;
/** a start waits so long for the first lists */
const PATIENCE_MS = 10_000;

type Watched = {
  readonly kind: GangKind;
  readonly version: string;
  readonly reflector: Reflector<unknown>;
  /** what the picture was told, by uid */
  readonly known: Map<string, ObjectKey>;
};

/** What was answered of the groups that may have PodGroups. */
type Seen = 'all' | 'some' | 'none';

export class GangInformers {
  readonly #picture: Picture;
  readonly #options: GangInformerOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #classes: Reflector<unknown>;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(picture: Picture, options: GangInformerOptions) {
    this.#picture = picture;
    this.#options = options;
    this.#classes = this.#classesReflector();
  }

  /** Resolves when what is served was listed once, or after some patience. */
  async start(): Promise<void> {
    this.#classes.start();
    const { clock, rng } = this.#options;
    const until = clock.monotonic() + PATIENCE_MS;
    let seen = await this.#look();
    for (let failures = 1; seen !== 'all' && !this.#stopped; failures++) {
      // one group that never answers must not keep all others waiting
      if (seen === 'some' && clock.monotonic() >= until) break;
      await this.#pause(backoffMs(failures, null, rng));
      seen = await this.#look();
    }
    this.#lookLater(seen);
    const reflectors = [this.#classes, ...[...this.#watched.values()].map(({ reflector }) => reflector)];
    const listed = Promise.all(reflectors.map((reflector) => reflector.whenSynced()));
    await Promise.race([listed, this.#pause(PATIENCE_MS)]);
  }

  stats(): ReadonlyMap<string, ReflectorStats> {
    return new Map([
      ...[...this.#watched].map(([name, { reflector }]) => [name, reflector.stats] as const),
      [CLASSES, this.#classes.stats] as const,
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await Promise.all([this.#classes.stop(), ...[...this.#watched.values()].map(({ reflector }) => reflector.stop())]);
  }

  #classesReflector(): Reflector<unknown> {
    const { transport, clock, rng, onError, told } = this.#options;
    const sink = {
      upsert: ({ object: { name, value } }: { object: ClassFacts }) => this.#picture.gangs.setClass(name, value),
      remove: ({ name }: ObjectKey) => this.#picture.gangs.setClass(name, null),
      synced: () => {},
    };
    const shared = {
      transport,
      clock,
      rng,
      path: `/apis/scheduling.k8s.io/v1/${CLASSES}`,
      onError: (error: ReflectorError) => onError(CLASSES, error),
    };
    const options = { thread: null, aliyunUnit: 'GiB' } as const;
    const recorded = told === undefined ? null : toldCollection<ClassFacts>(CLASSES, sink, told, options);
    const reflector =
      recorded === null
        ? new Reflector<ClassFacts>({ ...shared, decoder: inlineDecoder(projectClass), sink })
        : new Reflector({ ...shared, ...recorded });
    return reflector as Reflector<unknown>;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve));
  }

  #lookLater(seen: Seen): void {
    if (this.#stopped) return;
    const pause = seen === 'all' ? LOOK_MS : LOOK_AGAIN_MS;
    this.#timer = this.#options.clock.after(pause, () => void this.#look().then((next) => this.#lookLater(next)));
  }

  /** Starts what is served and not watched yet, ends what is served no more. */
  async #look(): Promise<Seen> {
    const groups = await this.#read('/apis');
    if (groups === 'unreachable') return 'none';
    if (groups === 'refused') return 'all';
    let seen: Seen = 'all';
    const versionsOf = new Map(
      listOf(own(groups, 'groups')).map((group) => [
        textOf(own(group, 'name')),
        listOf(own(group, 'versions')).map((version) => textOf(own(version, 'version'))),
      ]),
    );
    for (const kind of GANG_KINDS) {
      const offered = versionsOf.get(kind.group) ?? [];
      const served = await this.#servedOf(
        kind,
        kind.versions.filter((one) => offered.includes(one)),
      );
      if (served === 'unreachable') seen = 'some';
      // a group that could not be read is looked at again; one that is gone is gone
      if (typeof served === 'string' || this.#stopped) continue;
      const { version } = served;
      const watched = this.#watched.get(kind.group);
      if (watched?.version === (version ?? undefined)) continue;
      if (watched !== undefined) await this.#end(watched);
      if (version !== null) this.#begin(kind, version);
    }
    return seen;
  }

  /** The first of the versions that has PodGroups; null: none. */
  async #servedOf(
    { group }: GangKind,
    versions: readonly string[],
  ): Promise<{ readonly version: string | null } | 'refused' | 'unreachable'> {
    for (const version of versions) {
      const resources = await this.#read(`/apis/${group}/${version}`);
      if (typeof resources === 'string') return resources;
      if (listOf(own(resources, 'resources')).some((one) => own(one, 'name') === PLURAL)) return { version };
    }
    return { version: null };
  }

  /** The answer, `{}` for 404. */
  async #read(path: string): Promise<object | 'refused' | 'unreachable'> {
    try {
      const request = { method: 'GET', path, timeoutMs: DISCOVERY_TIMEOUT_MS } as const;
      const { status, body } = await this.#options.transport.request(request);
      if (status === 404) return {};
      if (status === 200) return fieldsOf(JSON.parse(body.toString()));
      const message = `cannot tell whether ${path} is served: HTTP status ${status}`;
      this.#options.onError(PLURAL, new ReflectorError('status', message));
      return 'refused';
    } catch (error) {
      // an answer that is no JSON is one that will not change by asking again at once
      return error instanceof SyntaxError ? 'refused' : 'unreachable';
    }
  }

  #begin(kind: GangKind, version: string): void {
    const { transport, clock, rng, onError, told } = this.#options;
    const { group, dialect } = kind;
    const name = `${PLURAL}.${group}`;
    const apiVersion = `${group}/${version}`;
    const known = new Map<string, ObjectKey>();
    const sink = {
      upsert: ({ uid, namespace, name: of, object }: ObjectKey & { object: GangObjectFacts }) => {
        known.set(uid, { uid, namespace, name: of });
        this.#picture.gangs.upsertObject(object);
      },
      remove: ({ uid, namespace, name: of }: ObjectKey) => {
        known.delete(uid);
        this.#picture.gangs.removeObject(`${namespace}/${of}`, dialect);
      },
      synced: () => {},
    };
    // items of a list of a built-in kind do not say what they are
    const before = (object: unknown): object => ({ ...fieldsOf(object), apiVersion });
    const shared = {
      transport,
      clock,
      rng,
      path: `/apis/${apiVersion}/${PLURAL}`,
      onError: (error: ReflectorError) => onError(name, error),
    };
    const recorded =
      told === undefined
        ? null
        : toldCollection<GangObjectFacts>(PLURAL, sink, told, { thread: null, aliyunUnit: 'GiB', before });
    const reflector = (
      recorded === null
        ? new Reflector<GangObjectFacts>({
            ...shared,
            decoder: inlineDecoder((object) => projectGang(before(object))),
            sink,
          })
        : new Reflector({ ...shared, ...recorded })
    ) as Reflector<unknown>;
    this.#watched.set(group, { kind, version, reflector, known });
    reflector.start();
  }

  /** What it told is true no more. */
  async #end({ kind, reflector, known }: Watched): Promise<void> {
    this.#watched.delete(kind.group);
    await reflector.stop();
    for (const key of known.values()) {
      this.#options.told?.gone(PLURAL, key);
      this.#picture.gangs.removeObject(`${key.namespace}/${key.name}`, kind.dialect);
    }
  }
}
