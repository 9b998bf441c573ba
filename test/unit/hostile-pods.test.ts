/** A thousand hostile pods through webhook, projection and books, with an honest count of every device at the end. */
import { applyPatch } from 'rfc6902';
import { expect, test } from 'vitest';
import { type MutateOptions, mutatePod } from '../../src/admission/mutate.ts';
import { Books } from '../../src/cluster/books.ts';
import { Picture } from '../../src/cluster/picture.ts';
import { projectPod } from '../../src/cluster/projection/pod.ts';
import { encodeClaim } from '../../src/core/gpu/claim-json.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../../src/dialects/reading.ts';
import { nodeClock } from '../../src/kube/node-adapter.ts';
import { node } from '../build/facts.ts';
import { hostilePods } from '../build/hostile-pods.ts';

const OPTIONS: MutateOptions = {
  schedulerNames: ['muster-scheduler'],
  runtimeClassName: 'nvidia',
  runtimeClassExists: () => true,
  largestDeviceMib: 81_920,
  dialects: DEFAULT_DIALECT_OPTIONS,
};
const NODES = Array.from({ length: 6 }, (_, at) => `n${at}`);

test.for([1, 2, 3])(
  'seed %i: refused with a text that helps, or placed, or waiting with one reason per node',
  (seed) => {
    const picture = new Picture();
    for (const name of NODES) picture.nodes.setFacts(name, node(name, 8));
    const books = new Books(picture, nodeClock, {
      nodePolicy: 'pack',
      devicePolicy: 'pack',
      holdMs: 60_000,
      envGuard: true,
    });
    const outcomes = { refused: 0, placed: 0, waiting: 0, untouched: 0 };
    for (const { pod, twists } of hostilePods(seed, 1_000, { ownNode: 'n0' })) {
      const what = twists.join(' + ');
      const started = performance.now();
      const mutation = mutatePod(pod, 'default', OPTIONS);
      expect(performance.now() - started, what).toBeLessThan(1_000);
      if (mutation.kind === 'refused') {
        outcomes.refused++;
        expect(mutation.message, what).toMatch(/^pod .*(annotation|container|label) /);
        expect(mutation.message, what).toMatch(/; |must|write|name one|needs|at most|more than one device|no node has/);
        expect(mutation.message.length, what).toBeLessThan(2_000);
        expect(printable(mutation.message), what).toBe(true);
        continue;
      }
      if (mutation.kind === 'patched') {
        expect(
          applyPatch(pod, [...mutation.patch]).every((error) => error === null),
          what,
        ).toBe(true);
        expect(mutatePod(pod, 'default', OPTIONS), `${what}: again`).toEqual({ kind: 'untouched' });
      } else outcomes.untouched++;
      const uid = `uid-${pod.metadata.name}`;
      const projected = projectPod({ ...pod, metadata: { ...pod.metadata, uid } });
      if (projected === null) throw new Error(what);
      if (projected.nodeName !== null) continue;
      const answer = books.filter(projected, books.resolve(NODES), 1);
      expect(books.filter(projected, books.resolve(NODES), 1), `${what}: asked again`).toEqual(answer);
      for (const { code } of answer.refused) expect(REASONS[code]).toBeDefined();
      if (answer.all || answer.fits.length > 0) {
        outcomes.placed++;
        const plan = books.beginBind(
          { uid, namespace: 'default', name: pod.metadata.name },
          answer.fits[0] ?? NODES[0]!,
        );
        expect(plan.kind, what).toBe('bind');
        const claim = plan.kind === 'bind' ? plan.claim : null;
        if (claim !== null) {
          const annotations = { ...pod.metadata.annotations, 'muster.dev/claim': encodeClaim(claim) };
          const spec = { ...pod.spec, nodeName: answer.fits[0] };
          books.bindLanded(uid);
          picture.upsertPod(projectPod({ ...pod, spec, metadata: { ...pod.metadata, annotations, uid } })!);
        }
      } else outcomes.waiting++;
    }
    for (const each of picture.nodes.values()) {
      each.ledger.devices.forEach((_, position) => void expect(each.ledger.isOver(position)).toBe(false));
    }
    expect(Math.min(outcomes.refused, outcomes.placed, outcomes.waiting), JSON.stringify(outcomes)).toBeGreaterThan(20);
  },
);

/** what a terminal shows as it is: no control characters (Cc), nothing unseen that turns the direction of writing (Cf) */
const printable = (text: string): boolean => !/[\p{Cc}\p{Cf}]/u.test(text);
