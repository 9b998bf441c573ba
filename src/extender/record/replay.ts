/**
 * Feeds a recording to the books and the verbs of this build, line by line in their order, and compares every answer with the
 * recorded one. What happened afterwards (Bindings, events) goes on as recorded, whatever was answered here.
 */
import { Books } from '../../cluster/books.ts';
import type { BindPlan } from '../../cluster/decider.ts';
import { NodeInventory } from '../../cluster/inventory/node-inventory.ts';
import type { KeptKind } from '../../cluster/kept/kinds.ts';
import { Picture } from '../../cluster/picture.ts';
import { projectClass } from '../../cluster/projection/class.ts';
import { projectGang } from '../../cluster/projection/gang.ts';
import { projectNode } from '../../cluster/projection/node.ts';
import { projectPdb } from '../../cluster/projection/pdb.ts';
import { projectPod, projectPodAliyunMib } from '../../cluster/projection/pod.ts';
import { projectSlice } from '../../cluster/projection/slice.ts';
import { NameLists } from '../codec/name-lists.ts';
import type { ProjectPod } from '../codec/requests.ts';
import { ExtenderError } from '../errors.ts';
import { filter } from '../verbs/filter.ts';
import { preempt } from '../verbs/preempt.ts';
import { prioritize } from '../verbs/prioritize.ts';
import type { VerbContext, VerbReply } from '../verbs/verb.ts';
import { answerOf, answerText } from './answer.ts';
import type { Answer, Candidate, Line, Memory, OfferedNames, RecordedConfig } from './format.ts';
import { unpackNames } from './names.ts';
import { type Call, type Called, type RecordedBind, replayBind } from './replayed-bind.ts';

export type Difference = {
  /** line of the file, the header being 1 */
  readonly line: number;
  readonly what: 'filter' | 'prioritize' | 'preempt' | 'bind' | 'wake';
  /** `<namespace>/<name>`, '' where several pods are concerned */
  readonly pod: string;
  readonly recorded: string;
  readonly replayed: string;
  /** the pod as it is kept, and the nodes that either answer names, as the books saw them */
  readonly asked: unknown;
  readonly nodes: readonly NodeState[];
};
export type NodeState = {
  readonly node: string;
  readonly devices: readonly string[];
  readonly holders: readonly string[];
};

/** nodes shown beside a difference */
const NODES_SHOWN = 4;

type Waiting = { -readonly [key in keyof Omit<RecordedBind, 'bound'>]: RecordedBind[key] } & {
  calls: { call: Call; called: Called }[];
  line: number;
};

export class Replay {
  /** decisions compared */
  decisions = 0;
  /** lines fed */
  lines = 1;
  readonly #config: RecordedConfig;
  readonly #books: Books;
  readonly #picture = new Picture();
  readonly #inventory: NodeInventory;
  readonly #context: VerbContext & { shortList: number };
  readonly #objects = new Map<string, unknown>();
  readonly #binds = new Map<number, Waiting>();
  readonly #calls = new Map<number, Call>();
  readonly #compareBinds: boolean;
  #slots: readonly (string | null)[] = [];
  #at = 0;

  /** `compareBinds`: also what was sent to the API; pointless where decisions are expected to differ. */
  constructor(config: RecordedConfig, compareBinds: boolean) {
    this.#config = config;
    this.#compareBinds = compareBinds;
    this.#inventory = new NodeInventory((name, facts) => this.#picture.nodes.setFacts(name, facts));
    const clock = { now: () => 0, monotonic: () => this.#at, after: () => ({ cancel: () => {} }) };
    this.#books = new Books(this.#picture, clock, {
      nodePolicy: config.nodePolicy,
      devicePolicy: config.devicePolicy,
      holdMs: config.holdSeconds * 1000,
      envGuard: config.envGuard,
      // recordings of before there was a placer do not say
      placer: config.placer?.enabled ?? false,
    });
    const project: ProjectPod = config.aliyunUnit === 'MiB' ? projectPodAliyunMib : projectPod;
    this.#context = {
      decider: this.#books,
      lists: new NameLists(this.#books),
      projectPod: project,
      shortList: config.shortList,
      deciding: () => true,
    };
  }

  /** null: nothing to compare, or the same. Throws ExtenderError('recording') for a line that makes no sense. */
  async feed(line: Line): Promise<Difference | null> {
    this.lines++;
    try {
      return await this.#feed(line);
    } catch (error) {
      if (error instanceof ExtenderError && error.code === 'recording') throw error;
      throw new ExtenderError(
        'recording',
        `line ${this.lines} cannot be replayed: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }

  async #feed(line: Line): Promise<Difference | null> {
    if ('at' in line) this.#at = 'call' in line || 'called' in line || 'bound' in line ? this.#at : line.at;
    if ('seats' in line) this.#picture.nodes.seat(line.seats);
    else if ('memory' in line) this.#recall(line.memory);
    else if ('put' in line) this.#put(line.put, line.uid, line.object);
    else if ('again' in line) this.#put(line.again, line.uid, this.#objects.get(`${line.again} ${line.uid}`));
    else if ('gone' in line) this.#gone(line.gone, line);
    else if ('slots' in line) this.#slots = line.slots;
    else if ('anew' in line) this.#books.beginAnew();
    else if ('filter' in line) {
      this.#context.shortList = line.shortList;
      return this.#verb('filter', line.filter, this.#offer(line.filter, line.offered), line.answer);
    } else if ('prioritize' in line)
      return this.#verb('prioritize', line.prioritize, this.#offer(line.prioritize, line.offered), line.answer);
    else if ('preempt' in line)
      return this.#verb('preempt', line.preempt, victims(line.preempt, line.candidates), line.answer);
    else if ('plan' in line) return this.#begin(line);
    else if ('awaitAtBind' in line) this.#books.awaitAtBind(line.awaitAtBind, line.node, line.ms);
    else if ('dropPlan' in line) this.#books.dropPlan(line.dropPlan, line.late);
    else if ('landed' in line) this.#books.bindLanded(line.landed);
    else if ('refused' in line) this.#books.bindRefused(line.refused);
    else if ('unknown' in line) this.#books.bindUnknown(line.unknown);
    else if ('readBack' in line) this.#books.bindReadBack(line.readBack, line.node);
    else if ('sweep' in line) this.#books.sweep();
    else if ('restore' in line) this.#books.restoreAwaiting();
    else if ('planPod' in line) this.#books.planPod(line.planPod);
    else if ('planGang' in line) this.#books.planGang(line.planGang);
    else if ('restorePlans' in line) this.#books.restorePlans(line.restorePlans);
    else if ('unwritable' in line) this.#books.unwritable(line.unwritable);
    else if ('evictFor' in line) this.#books.evictFor(line.evictFor);
    else if ('keepRoom' in line) this.#books.keepRoom(line.keepRoom, line.room);
    else if ('explainGang' in line) this.#books.explainGang(line.explainGang);
    else if ('explain' in line) this.#books.explain(line.explain.namespace, line.explain.name);
    else if ('notWoken' in line) this.#picture.notWoken(line.notWoken);
    else if ('wake' in line) return this.#wake(line.wake);
    else if ('call' in line) {
      if (line.bind !== undefined) this.#calls.set(line.call, line);
    } else if ('called' in line) this.#called(line);
    else if ('bound' in line) return await this.#bound(line.bound, line);
    else if (!('deciding' in line)) throw new ExtenderError('recording', `line ${this.lines} is of no known kind`);
    return null;
  }

  #put(kind: KeptKind, uid: string, object: unknown): void {
    this.#objects.set(`${kind} ${uid}`, object);
    if (kind === 'nodes') this.#inventory.upsertNode(must(projectNode(object)));
    else if (kind === 'resourceslices') this.#inventory.upsertSlice(must(projectSlice(object)));
    else if (kind === 'pods') this.#picture.upsertPod(must(this.#context.projectPod(object)));
    else if (kind === 'poddisruptionbudgets') this.#picture.upsertBudget(must(projectPdb(object)));
    else if (kind === 'podgroups') this.#picture.gangs.upsertObject(must(projectGang(object)));
    else if (kind === 'priorityclasses') {
      const { name, value } = must(projectClass(object));
      this.#picture.gangs.setClass(name, value);
    } else throw new ExtenderError('recording', `line ${this.lines} holds an object of no known kind`);
  }

  #gone(kind: KeptKind, { uid, namespace, name }: { uid: string; namespace: string; name: string }): void {
    const before = this.#objects.get(`${kind} ${uid}`);
    this.#objects.delete(`${kind} ${uid}`);
    if (kind === 'nodes') this.#inventory.removeNode(name);
    else if (kind === 'resourceslices') this.#inventory.removeSlice(name);
    else if (kind === 'pods') this.#picture.removePod(uid);
    else if (kind === 'poddisruptionbudgets') this.#picture.removeBudget(namespace, name);
    else if (kind === 'priorityclasses') this.#picture.gangs.setClass(name, null);
    else if (before !== undefined)
      this.#picture.gangs.removeObject(`${namespace}/${name}`, must(projectGang(before)).dialect);
  }

  #recall({ books, holds, waiting }: Memory): void {
    for (const hold of holds) this.#picture.putHold({ ...hold });
    for (const [uid, refused] of waiting) this.#picture.recallWaiting(uid, refused);
    this.#books.beginAnew(books);
  }

  #offer(pod: unknown, offered: OfferedNames): Buffer {
    const names = JSON.stringify(unpackNames(offered, this.#slots));
    return Buffer.from(`{"Pod":${JSON.stringify(pod)},"Nodes":null,"NodeNames":${names}}`);
  }

  #verb(what: 'filter' | 'prioritize' | 'preempt', pod: unknown, body: Buffer, recorded: Answer | undefined) {
    const run = { filter, prioritize, preempt }[what];
    const reply: VerbReply = run(body, this.#context);
    // the verb threw then, after whatever it did
    if (recorded === undefined) return null;
    this.decisions++;
    const replayed = answerOf(reply, 'chosen' in recorded);
    if (same(recorded, replayed)) return null;
    return this.#difference(what, podName(pod), answerText(recorded), answerText(replayed), pod);
  }

  #begin(line: Extract<Line, { plan: BindPlan }>): Difference | null {
    const { bind, pod, node, plan, at } = line;
    const replayed = this.#books.beginBind(pod, node);
    this.decisions++;
    // asked for twice while the gang gathered, only the first one goes on
    if (!this.#binds.has(bind)) this.#binds.set(bind, { at, pod, node, plan, calls: [], line: this.lines });
    if (same(plan, replayed)) return null;
    const asked = this.#objects.get(`pods ${pod.uid}`) ?? null;
    const name = `${pod.namespace}/${pod.name}`;
    return this.#difference(
      'bind',
      name,
      `${node}: ${JSON.stringify(plan)}`,
      `${node}: ${JSON.stringify(replayed)}`,
      asked,
    );
  }

  #called(called: Called): void {
    const call = this.#calls.get(called.called);
    this.#calls.delete(called.called);
    if (call?.bind !== undefined) this.#binds.get(call.bind)?.calls.push({ call, called });
  }

  /** What was sent and said. A bind that began before the recording did, or joined another, cannot be compared. */
  async #bound(id: number, bound: RecordedBind['bound']): Promise<Difference | null> {
    const bind = this.#binds.get(id);
    this.#binds.delete(id);
    if (bind === undefined || !this.#compareBinds) return null;
    const devices = this.#picture.nodes.get(bind.node)?.facts?.devices ?? [];
    const odd = await replayBind({ ...bind, bound }, devices, this.#config.callDeadlineMs);
    if (odd === null) return null;
    const asked = this.#objects.get(`pods ${bind.pod.uid}`) ?? null;
    return this.#difference('bind', `${bind.pod.namespace}/${bind.pod.name}`, odd.recorded, odd.replayed, asked);
  }

  #wake(recorded: readonly string[]): Difference | null {
    const replayed = this.#books.toWake().map(({ namespace, name }) => `${namespace}/${name}`);
    if (same(recorded, replayed)) return null;
    return this.#difference('wake', '', recorded.join(', '), replayed.join(', '), null);
  }

  #difference(what: Difference['what'], pod: string, recorded: string, replayed: string, asked: unknown): Difference {
    const nodes = [...this.#picture.nodes.values()]
      .filter(({ name }) => `${recorded}\n${replayed}`.includes(name))
      .slice(0, NODES_SHOWN)
      .map((node) => ({
        node: node.name,
        devices: (node.facts?.devices ?? []).map(
          ({ uuid, mib }, at) =>
            `${uuid}: ${node.ledger.usedMib[at]} of ${mib} MiB, ${node.ledger.usedMilli[at]} of 1000 milli used`,
        ),
        holders: [...node.occupants()].map(({ uid, kind }) => `${this.#nameOf(uid)} (${kind})`).sort(),
      }));
    return { line: this.lines, what, pod, recorded, replayed, asked, nodes };
  }

  #nameOf(uid: string): string {
    const pod = this.#picture.pod(uid) ?? this.#picture.holds.get(uid)?.pod;
    return pod === undefined ? uid : `${pod.namespace}/${pod.name}`;
  }
}

function victims(pod: unknown, candidates: readonly Candidate[]): Buffer {
  const byNode = Object.fromEntries(
    candidates.map(({ node, victims, pdbViolations = 0 }) => [
      node,
      { Pods: (victims ?? []).map((UID) => ({ UID })), NumPDBViolations: pdbViolations },
    ]),
  );
  return Buffer.from(JSON.stringify({ Pod: pod, NodeNameToMetaVictims: byNode }));
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function podName(pod: unknown): string {
  const { namespace, name } = (pod as { metadata: { namespace: string; name: string } }).metadata;
  return `${namespace}/${name}`;
}

function must<T>(facts: T | null): T {
  if (facts === null) throw new ExtenderError('recording', 'a recorded object lacks its uid or name');
  return facts;
}
