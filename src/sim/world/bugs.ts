/**
 * Known bugs, each switched on from outside: the same code with one thing wrong. They prove that the world can fail. What finds
 * which is in docs/simulation.md.
 */
import type { Hold } from '../../cluster/holds.ts';
import { CLAIM } from '../../core/names.ts';
import type { GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import type { ExtenderConfig } from '../../extender/config.ts';
import type { MakePicture, PictureParts } from '../../extender/picture.ts';
import type { KubeRequest, KubeResponse } from '../../kube/ports.ts';
import type { Invariant } from './oracle/law.ts';

type PictureOptions = Parameters<MakePicture>[0];

export type Bug = {
  readonly what: string;
  /** the laws that it is about; what else it may trip over proves nothing */
  readonly breaks: readonly Invariant[];
  /** the picture with something wrong in it */
  readonly picture?: (parts: PictureParts, options: PictureOptions) => PictureParts;
  /** requests to the API server, changed or answered before they leave */
  readonly bend?: (request: KubeRequest) => KubeRequest | KubeResponse;
  /** of every run after the first one */
  readonly config?: (config: ExtenderConfig) => ExtenderConfig;
  readonly leadership?: 'ignored';
  /** it is in what is used only where places are decided ahead */
  readonly placer?: true;
};

/** The decider with some methods replaced. */
function decider(parts: PictureParts, change: Partial<PictureParts['decider']>): PictureParts {
  const real = parts.decider;
  const proxy = new Proxy(real, {
    get(target, key) {
      const replaced = change[key as keyof typeof change] as unknown;
      if (replaced !== undefined) return replaced;
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...parts, decider: proxy };
}

/** What is told of PodGroups, changed. */
function podGroups(parts: PictureParts, change: (facts: GangObjectFacts) => GangObjectFacts): PictureParts {
  const { gangs } = parts.picture;
  const upsert = gangs.upsertObject.bind(gangs);
  gangs.upsertObject = (facts) => upsert(change(facts));
  return parts;
}

export const BUGS: Readonly<Record<string, Bug>> = {
  'hold-dropped-at-bind': {
    what: 'the hold ends when its Binding is sent, not when the outcome is known',
    breaks: ['over-allocated'],
    picture: (parts) =>
      decider(parts, {
        beginBind(ref, node) {
          const plan = parts.decider.beginBind(ref, node);
          if (plan.kind === 'bind') parts.picture.dropHold(ref.uid);
          return plan;
        },
      }),
  },
  'generation-not-bumped': {
    what: 'what is put on a node does not mark it as changed, so cached verdicts stay',
    breaks: ['answer-differs', 'over-allocated'],
    picture(parts) {
      const { nodes } = parts.picture;
      const add = nodes.add.bind(nodes);
      nodes.add = (name, occupant) => {
        const node = nodes.get(name);
        if (node === undefined) add(name, occupant);
        else node.add(occupant);
      };
      return parts;
    },
  },
  'freed-on-terminating': {
    what: 'a pod that is being deleted gives its devices back at once',
    breaks: ['over-allocated'],
    picture(parts) {
      const { picture } = parts;
      const upsert = picture.upsertPod.bind(picture);
      picture.upsertPod = (pod) => upsert(pod.terminating ? { ...pod, terminal: true } : pod);
      return parts;
    },
  },
  'uid-precondition-omitted': {
    what: 'a Binding names the pod only, not its uid',
    breaks: ['claim-wrong', 'claim-missing'],
    bend(request) {
      if (request.method !== 'POST' || !request.path.includes('/binding')) return request;
      const body = request.body as { metadata: { uid?: string } };
      const { uid: _uid, ...metadata } = body.metadata;
      return { ...request, body: { ...body, metadata } };
    },
  },
  'no-quiet-time': {
    what: 'after a restart Bindings of the run before are not waited for',
    breaks: ['over-allocated'],
    // leadership reads the deadline first, the binder after it
    config(config) {
      let reads = 0;
      const callDeadlineMs = { get: () => (reads++ === 0 ? 0 : config.callDeadlineMs) };
      return Object.create(config, { callDeadlineMs }) as ExtenderConfig;
    },
  },
  'lease-ignored': {
    what: 'the extender decides whoever holds the Lease',
    breaks: ['two-deciders', 'two-in-a-term', 'bind-without-lease'],
    leadership: 'ignored',
  },
  'read-back-skipped': {
    what: 'a Binding without an answer counts as not done',
    breaks: ['over-allocated'],
    picture: (parts) =>
      decider(parts, {
        bindUnknown(uid) {
          parts.decider.bindUnknown(uid);
          parts.decider.bindReadBack(uid, null);
        },
      }),
  },
  'relist-skipped': {
    what: 'after a start or takeover the watch is trusted to be up to date',
    breaks: ['over-allocated'],
    picture: (parts) => ({ ...parts, refresh: async () => {} }),
  },
  'awaiting-not-kept': {
    what: 'devices freed for a preemptor are not kept for it',
    breaks: ['awaited-given-away'],
    picture: (parts) =>
      decider(parts, {
        preempt(pod, candidates) {
          const answers = parts.decider.preempt(pod, candidates);
          parts.picture.dropHold(pod.uid);
          return answers;
        },
      }),
  },
  'guard-ignored': {
    what: 'a pod that was made while no webhook answered is let onto managed nodes',
    breaks: ['env-missing'],
    config: (config) => ({ ...config, envGuard: false }),
  },
  'devices-not-told': {
    what: 'a Binding carries the claim, but not the annotations that the env of the containers reads',
    breaks: ['env-unresolved'],
    bend(request) {
      if (request.method !== 'POST' || !request.path.includes('/binding')) return request;
      const body = request.body as { metadata: { annotations?: Record<string, string> } };
      const { annotations = {} } = body.metadata;
      const claim = annotations[CLAIM];
      return {
        ...request,
        body: { ...body, metadata: { ...body.metadata, annotations: claim ? { [CLAIM]: claim } : {} } },
      };
    },
  },
  'capacity-not-written': {
    what: 'an extender that begins to decide leaves gpu-milli as it finds it',
    breaks: ['gpu-milli-wrong'],
    picture: (parts) => ({ ...parts, onDeciding() {} }),
  },
  'holds-never-swept': {
    what: 'nothing ends a hold whose bind never comes',
    breaks: ['hold-overdue', 'hold-orphaned'],
    picture: (parts) => ({ ...parts, sweep() {} }),
  },
  'hopeless-for-ever': {
    what: 'a pod that was refused is refused from then on, whatever changes',
    breaks: ['answer-differs', 'pod-lost'],
    picture(parts) {
      const refused = new Map<string, ReturnType<typeof parts.decider.filter>>();
      return decider(parts, {
        filter(pod, offered, shortList) {
          const known = refused.get(pod.uid);
          if (known !== undefined) return known;
          const answer = parts.decider.filter(pod, offered, shortList);
          if (!answer.all && answer.fits.length === 0) refused.set(pod.uid, answer);
          return answer;
        },
      });
    },
  },
  'deletion-missed': {
    what: 'a pod that is gone stays in the books',
    breaks: ['books-differ', 'pod-lost'],
    picture(parts) {
      parts.picture.removePod = () => {};
      return parts;
    },
  },
  'health-ignored': {
    what: 'an unhealthy GPU counts as healthy',
    breaks: ['device-unknown'],
    picture(parts) {
      const { nodes } = parts.picture;
      const setFacts = nodes.setFacts.bind(nodes);
      nodes.setFacts = (name, facts) =>
        setFacts(
          name,
          facts === null ? null : { ...facts, devices: facts.devices.map((device) => ({ ...device, healthy: true })) },
        );
      return parts;
    },
  },
  'conflict-taken-for-refusal': {
    what: 'after a 409 the pod is not looked at: the Binding counts as not done',
    breaks: ['over-allocated'],
    bend(request) {
      if (request.method !== 'GET' || !/\/pods\/[^?/]+$/.test(request.path)) return request;
      return { status: 404, body: Buffer.from('{}'), retryAfterSeconds: null };
    },
  },
  'history-skipped': {
    what: 'a watch that broke goes on from now instead of from where it was',
    breaks: ['books-differ', 'pod-lost'],
    bend(request) {
      if (!request.path.includes('watch=true')) return request;
      return { ...request, path: request.path.replace(/resourceVersion=\d+/, 'resourceVersion=0') };
    },
  },
  'stale-ranks': {
    what: 'node names are put in order once, not again when nodes come and go',
    breaks: ['answer-differs'],
    picture(parts) {
      const { nodes } = parts.picture;
      let first: Int32Array | null = null;
      const read = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(nodes), 'ranks')!.get!.bind(
        nodes,
      ) as () => Int32Array;
      Object.defineProperty(nodes, 'ranks', {
        get() {
          first ??= nodes.slots > 0 ? read() : null;
          return first ?? new Int32Array(0);
        },
      });
      return parts;
    },
  },
  'landed-hold-dropped': {
    what: 'the hold ends when the API server says bound, before the informer shows it',
    breaks: ['over-allocated'],
    picture: (parts) =>
      decider(parts, {
        bindLanded(uid) {
          parts.decider.bindLanded(uid);
          parts.picture.dropHold(uid);
        },
      }),
  },
  'barrier-open': {
    what: 'the barrier lets the last but one of a gang go',
    breaks: ['gang-early', 'gang-in-part'],
    picture: (parts) =>
      decider(parts, {
        gangAtBind(uid) {
          const at = parts.decider.gangAtBind(uid);
          return at === null ? null : { ...at, missing: Math.max(0, at.missing - 1) };
        },
      }),
  },
  'plan-dropped-in-part': {
    what: 'when the time of a plan is up, one of its places stays',
    breaks: ['plan-in-part'],
    picture(parts) {
      const { picture } = parts;
      picture.dropPlan = (gang) => {
        const open = picture.holds.ofGang(gang).filter(({ state }) => state === 'open');
        for (const { pod } of open.slice(0, Math.max(1, open.length - 1))) picture.dropHold(pod.uid);
      };
      return parts;
    },
  },
  'plan-never-ends': {
    what: 'when the time of a plan is up, it is given more',
    breaks: ['plan-overdue', 'hold-orphaned', 'gang-waits'],
    picture(parts) {
      const { picture } = parts;
      const expired = picture.holds.expired.bind(picture.holds);
      picture.holds.expired = (now) =>
        expired(now).filter((hold) => {
          if (hold.gang !== null) hold.deadline = now + 30_000;
          return hold.gang === null;
        });
      picture.dropPlan = () => {};
      return parts;
    },
  },
  'refused-member-keeps-hold': {
    what: 'a member of a gang whose Binding was refused keeps its place',
    breaks: ['hold-orphaned', 'gang-waits', 'pod-lost'],
    picture: (parts) =>
      decider(parts, {
        bindRefused(uid) {
          if ((parts.picture.holds.get(uid)?.gang ?? null) === null) parts.decider.bindRefused(uid);
        },
      }),
  },
  'failed-member-counts': {
    what: 'members that failed, are being deleted or are gone count as if they ran',
    breaks: ['gang-early', 'gang-in-part'],
    picture(parts) {
      const { gangs } = parts.picture;
      const upsert = gangs.upsertPod.bind(gangs);
      const last = new Map<string, Parameters<typeof upsert>[0]>();
      gangs.upsertPod = (pod) => {
        last.set(pod.uid, pod);
        upsert(pod.terminating || pod.terminal ? { ...pod, terminating: false, terminal: true, succeeded: true } : pod);
      };
      gangs.removePod = (uid) => {
        const pod = last.get(uid);
        if (pod !== undefined) upsert({ ...pod, terminating: false, terminal: true, succeeded: true });
      };
      return parts;
    },
  },
  'gang-hopeless-for-ever': {
    what: 'a gang that did not fit once is not tried again, whatever comes free and whoever joins it',
    breaks: ['answer-differs', 'gang-waits'],
    picture(parts) {
      const { nodes, gangs } = parts.picture;
      Object.defineProperty(nodes, 'freed', { get: () => 0, set() {} });
      const get = gangs.get.bind(gangs);
      gangs.get = (key) => {
        const gang = get(key);
        return gang === undefined ? undefined : { ...gang, version: 0 };
      };
      return parts;
    },
  },
  'nomination-forgotten': {
    what: 'an extender that is started anew keeps nothing for whoever is nominated',
    breaks: ['awaited-given-away', 'nomination-forgotten'],
    picture(parts) {
      Object.assign(parts.decider, { restoreAwaiting() {} });
      return parts;
    },
  },
  'required-domain-ignored': {
    what: 'the topology that a PodGroup requires is not looked at',
    breaks: ['gang-scattered'],
    picture: (parts) => podGroups(parts, (facts) => ({ ...facts, topology: { ...facts.topology, required: null } })),
  },
  'loss-ignored': {
    what: 'what a PodGroup says of lost members is not looked at',
    breaks: ['gang-broken'],
    picture: (parts) => podGroups(parts, (facts) => ({ ...facts, onMemberLoss: 'keep' })),
  },
  'place-outlives-pod': {
    what: 'a planned pod that is gone keeps its place until its time is up',
    breaks: ['hold-ownerless'],
    placer: true,
    picture(parts) {
      const { picture } = parts;
      const remove = picture.removePod.bind(picture);
      picture.removePod = (uid) => {
        const hold = picture.holds.get(uid);
        remove(uid);
        if (hold?.cause === 'planned' && hold.state === 'open') picture.putHold(hold);
      };
      return parts;
    },
  },
  'plan-not-restored': {
    what: 'an extender that is started anew forgets what was planned',
    breaks: ['plan-forgotten'],
    placer: true,
    picture(parts) {
      Object.assign(parts.decider, { restorePlans() {} });
      return parts;
    },
  },
  'gate-lifted-early': {
    what: 'the placer lifts its gate before plan and nomination are written',
    breaks: ['gate-early'],
    placer: true,
    bend(request) {
      const plans = request.method === 'PATCH' && JSON.stringify(request.body ?? '').includes('"nominatedNodeName":"');
      return plans ? { status: 200, body: Buffer.from('{}'), retryAfterSeconds: null } : request;
    },
  },
  'bound-hold-taken': {
    what: 'who comes first in line takes the place of a later one that is being bound',
    breaks: ['over-allocated'],
    placer: true,
    picture(parts) {
      const { holds } = parts.picture;
      const values = holds.values.bind(holds);
      const open = (hold: Hold): Hold =>
        new Proxy(hold, { get: (target, key) => (key === 'state' ? 'open' : Reflect.get(target, key)) });
      holds.values = () => [...values()].map((hold) => (hold.state === 'open' ? hold : open(hold))).values();
      return parts;
    },
  },
};
