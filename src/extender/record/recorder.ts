/**
 * Writes down what the books are told and asked, in the order in which it happens to them. Everything passes here: objects from
 * the informers (`put`, `gone`), questions and outcomes (`books`), the API calls (`transport`), the answers (`answered`).
 *
 * One call of the books is one turn; they read the time of its beginning and no other, so that a replay can give them the same.
 * When a part of the ring is full the next turn begins a new one, and the books begin anew from the picture (`beginAnew`): what
 * they had learnt beside it is in no file.
 */
import type { Books } from '../../cluster/books.ts';
import { keepPod } from '../../cluster/kept/keep-pod.ts';
import type { KeptKind, Told } from '../../cluster/kept/kinds.ts';
import type { Clock, Transport } from '../../kube/ports.ts';
import type { ProjectPod } from '../codec/requests.ts';
import type { ExtenderConfig } from '../config.ts';
import type { BindResult } from '../verbs/bind.ts';
import type { VerbReply } from '../verbs/verb.ts';
import { answerOf } from './answer.ts';
import { buildHash } from './build.ts';
import {
  FORMAT,
  type Header,
  type Input,
  type Memory,
  type Note,
  type PodRef,
  RECORDED_CONFIG,
  RECORDING,
} from './format.ts';
import { RecordedBooks } from './recorded-books.ts';
import { recordedTransport } from './recorded-transport.ts';
import { Ring } from './ring.ts';

const MIB = 2 ** 20;

export type RecorderOptions = {
  readonly clock: Clock;
  readonly config: ExtenderConfig;
  readonly maxMib: number;
  readonly version: string;
};

export class Recorder implements Told {
  readonly #options: RecorderOptions;
  readonly #ring: Ring;
  readonly #started: number;
  #books: Books | null = null;
  #at: number;
  /** the verb under way, its answer is still to come */
  #open: object | null = null;
  /** the pod that was projected last, as it came */
  #pod: unknown = null;
  #slotsOf = -1;
  #ids = 0;
  /** by path of the pod, by uid */
  readonly #bindsOf = new Map<string, Map<string, number>>();

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#ring = new Ring(options.maxMib * MIB);
    this.#started = options.clock.now();
    this.#at = options.clock.monotonic();
  }

  /** For the books: stands still during a turn. */
  get turnClock(): Clock {
    const { clock } = this.#options;
    return {
      now: () => clock.now(),
      monotonic: () => this.#at,
      after: (ms, run) => clock.after(ms, run),
    };
  }

  /** bytes of inputs that are kept */
  get bytes(): number {
    return this.#ring.bytes;
  }

  books(real: Books): RecordedBooks {
    this.#books = real;
    return new RecordedBooks(real, this);
  }

  projectPod(project: ProjectPod): ProjectPod {
    return (object) => {
      this.#pod = object;
      return project(object);
    };
  }

  transport(real: Transport): Transport {
    return recordedTransport(real, this);
  }

  /**
   * A bind was asked for: its number. Until `endBind` the Bindings of its pod are its calls; those of one that is under way already
   * stay with the first, which the second joins.
   */
  beginBind({ uid, namespace, name }: PodRef): number {
    const bind = this.nextId();
    const path = podPath(namespace, name);
    const binds = this.#bindsOf.get(path) ?? new Map<string, number>();
    if (!binds.has(uid)) binds.set(uid, bind);
    this.#bindsOf.set(path, binds);
    return bind;
  }

  /** The bind under way of a pod, 0 without one. */
  bindUnderWay({ uid, namespace, name }: PodRef): number {
    return this.bindOf(podPath(namespace, name), uid) ?? 0;
  }

  /** The bind that a Binding of the pod at this path belongs to. Several pods may have had one name. */
  bindOf(path: string, uid: string): number | undefined {
    return this.#bindsOf.get(path)?.get(uid);
  }

  endBind(bind: number, { uid, namespace, name }: PodRef, { error, outcome }: BindResult): void {
    const path = podPath(namespace, name);
    const binds = this.#bindsOf.get(path);
    if (binds?.get(uid) === bind) binds.delete(uid);
    if (binds?.size === 0) this.#bindsOf.delete(path);
    this.note({ bound: bind, error, outcome });
  }

  /** numbers for binds and calls */
  nextId(): number {
    return ++this.#ids;
  }

  /** Begins a turn: its time, ms. */
  turn(): number {
    this.#close();
    if (this.#ring.full) this.beginPart();
    this.#at = this.#options.clock.monotonic();
    return this.#at;
  }

  /** A turn that is over. */
  write(input: Input): void {
    this.#ring.push(JSON.stringify(input));
  }

  /** Something beside the books. */
  note(note: Note extends infer N ? (N extends Note ? Omit<N, 'at'> : never) : never): void {
    this.#close();
    this.#ring.push(JSON.stringify({ at: this.#options.clock.monotonic(), ...note }));
  }

  /** A turn whose answer `answered` brings. */
  open(turn: object): void {
    this.#open = turn;
  }

  /** The pod of the request under way, as far as it is kept. */
  keptPod(): unknown {
    const kept = keepPod(this.#pod);
    this.#pod = null;
    return kept;
  }

  /** The version of the nodes by whose slots an offer may be written. */
  slotsVersion(): number {
    const { nodes } = this.#books!.picture;
    if (this.#slotsOf !== nodes.version) {
      this.#slotsOf = nodes.version;
      this.#ring.push(JSON.stringify({ slots: nodes.seats().names }));
    }
    return this.#slotsOf;
  }

  readonly answered = (reply: VerbReply): void => {
    if (this.#open === null) return;
    this.#ring.push(JSON.stringify({ ...this.#open, answer: answerOf(reply) }));
    this.#open = null;
  };

  /** A pod could not be woken, which the picture hears of next. */
  notWoken(uid: string): void {
    this.write({ at: this.turn(), notWoken: uid });
  }

  deciding(deciding: boolean, why: string): void {
    this.note({ deciding, why });
  }

  put(kind: KeptKind, uid: string, kept: string): void {
    this.#close();
    if (this.#ring.full) this.beginPart();
    const same = this.#ring.put(kind, uid, `{"put":"${kind}","uid":${JSON.stringify(uid)},"object":${kept}}`);
    if (same) this.#ring.push(JSON.stringify({ again: kind, uid }));
  }

  gone(kind: KeptKind, { uid, namespace, name }: { uid: string; namespace: string; name: string }): void {
    this.#close();
    this.#ring.gone(kind, uid, JSON.stringify({ gone: kind, uid, namespace, name }));
  }

  /** The recording as lines, without their ends. */
  lines(): string[] {
    this.#close();
    const lines = this.#ring.lines();
    return [JSON.stringify(this.#header()), ...lines, JSON.stringify({ end: lines.length })];
  }

  #header(): Header {
    const { clock, config, version } = this.#options;
    return {
      recording: RECORDING,
      format: FORMAT,
      version,
      build: buildHash(),
      node: process.version,
      started: new Date(this.#started).toISOString(),
      written: new Date(clock.now()).toISOString(),
      config: Object.fromEntries(RECORDED_CONFIG.map((key) => [key, config[key]])) as Header['config'],
    };
  }

  /** A verb that threw answered nothing of its own. */
  #close(): void {
    if (this.#open === null) return;
    this.#ring.push(JSON.stringify(this.#open));
    this.#open = null;
  }

  /** Another part of the ring begins, and the books begin anew. */
  beginPart(): void {
    const books = this.#books;
    if (books === null) return;
    const { picture } = books;
    books.beginAnew();
    const memory: Memory = {
      books: books.memory(),
      holds: [...picture.holds.values()],
      waiting: [...picture.refused()],
    };
    this.#ring.begin({
      seats: JSON.stringify({ seats: picture.nodes.seats() }),
      memory: JSON.stringify({ memory }),
    });
    this.#slotsOf = -1;
  }
}

const podPath = (namespace: string, name: string): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
