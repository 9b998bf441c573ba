/**
 * An answer must follow from what is known now, not from how it came to be known. Some of filter's answers are therefore compared
 * with those of fresh books that were given the same nodes, pods and holds and remember nothing: no cached verdict, no ranking.
 * A policy that learns may prefer another node by what it has seen; whether there is a place, and that the chosen one is one, must follow all
 * the same.
 */
import { Books } from '../../cluster/books.ts';
import type { FilterAnswer } from '../../cluster/decider.ts';
import { startsWith } from '../../cluster/gangs/standing.ts';
import { Picture } from '../../cluster/picture.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { isForesighted } from '../../core/placement/policies/node-policies.ts';
import type { MakePicture, PictureParts } from '../../extender/picture.ts';

export type AuditOptions = {
  /** whether to look at this answer */
  readonly wanted: () => boolean;
  readonly onChecked: (difference: string | null) => void;
  /** a pod of a gang came to bind */
  readonly onArrived: (uid: string) => void;
  /** a bind of this pod began */
  readonly onBind: (uid: string, letGo: boolean) => void;
  /** a node was answered to preempt: from now on its devices are promised to this pod */
  readonly onPromise: (uid: string, node: string) => void;
  /** filter answered that the pod goes there, or nowhere */
  readonly onFilter: (uid: string, node: string | null) => void;
};

export function audited(
  parts: PictureParts,
  { config, clock }: Parameters<MakePicture>[0],
  { wanted, onChecked, onArrived, onBind, onPromise, onFilter }: AuditOptions,
): PictureParts {
  const { decider, picture } = parts;
  const answered: typeof decider.filter = (pod, offered, shortList) => {
    const answer = decider.filter(pod, offered, shortList);
    onFilter(pod.uid, answer.fits[0] ?? null);
    return answer;
  };
  const filter: typeof decider.filter = (pod, offered, shortList) => {
    if (!wanted()) return answered(pod, offered, shortList);
    const asked = pod.ask.kind === 'request' ? pod.ask.request.nodePolicy : null;
    const learns = isForesighted(asked ?? config.nodePolicy);
    // where each member goes decides whether the last one finds room: with other prices another plan, or none
    if (learns && pod.gangSaid !== null) return answered(pod, offered, shortList);
    const freshly = askFresh(copyOf(picture), offered.names, shortList);
    const before = learns ? copyOf(picture) : null;
    const answer = answered(pod, offered, shortList);
    let given = learns ? outcomeOf(answer) : said(answer);
    const fresh = learns ? outcomeOf(freshly(pod)) : said(freshly(pod));
    // a gang that is asked for by one node alone may be placed with this member on another one
    if (before !== null && answer.fits.length > 0 && startsWith(pod) === null)
      given =
        outcomeOf(askFresh(before, answer.fits, shortList)(pod)) === PLACED
          ? given
          : `${said(answer)}, which is no place`;
    onChecked(given === fresh ? null : `${pod.name}: answered ${given}, the same books without a past say ${fresh}`);
    return answer;
  };
  const askFresh = (copy: Picture, names: readonly string[], shortList: number) => {
    const books = new Books(copy, clock, {
      nodePolicy: config.nodePolicy,
      devicePolicy: config.devicePolicy,
      holdMs: config.holdSeconds * 1000,
      envGuard: config.envGuard,
      placer: config.placer.enabled,
    });
    return (pod: PodFacts): FilterAnswer => books.filter(pod, books.resolve(names), shortList);
  };
  const beginBind: typeof decider.beginBind = (ref, node) => {
    const plan = decider.beginBind(ref, node);
    // who is refused was not let go
    onBind(ref.uid, plan.kind === 'bind');
    return plan;
  };
  const gangAtBind: typeof decider.gangAtBind = (uid) => {
    onArrived(uid);
    return decider.gangAtBind(uid);
  };
  const preempt: typeof decider.preempt = (pod, candidates) => {
    const answers = decider.preempt(pod, candidates);
    for (const { node } of answers) onPromise(pod.uid, node);
    return answers;
  };
  const proxy = new Proxy(decider, {
    get(target, key) {
      if (key === 'filter') return filter;
      if (key === 'beginBind') return beginBind;
      if (key === 'gangAtBind') return gangAtBind;
      if (key === 'preempt') return preempt;
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...parts, decider: proxy };
}

/** Facts last: a device that changed under a promise may hold more than it has. */
function copyOf(picture: Picture): Picture {
  const copy = new Picture();
  copy.barred.copyFrom(picture.barred);
  for (const { settledAt: _looked, ...hold } of picture.holds.values()) copy.putHold(hold);
  for (const gang of picture.gangs.values())
    for (const object of gang.objects.values()) copy.gangs.upsertObject(object);
  for (const pod of picture.pods()) copy.upsertPod(pod);
  for (const node of picture.nodes.values()) if (node.facts !== null) copy.nodes.setFacts(node.name, node.facts);
  return copy;
}

const PLACED = 'a place';

/** What does not depend on which of the places is preferred. */
function outcomeOf(answer: FilterAnswer): string {
  const elsewhere = answer.refused.length > 0 && answer.refused.every(({ code }) => code === 'placed-elsewhere');
  return answer.fits.length > 0 || elsewhere ? PLACED : said(answer);
}

function said({ all, fits, refused }: FilterAnswer): string {
  return JSON.stringify([all, fits, refused.map(({ node, code }) => `${node}:${code}`).sort()]);
}
