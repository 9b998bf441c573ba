import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ApiError } from './errors.ts';
import type { KubeObject } from './object.ts';
import { Store, type View } from './store.ts';

const POD = 'v1/pods';
const object = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', uid: 'u', resourceVersion: '', creationTimestamp: '' },
});
const shown = (view: View) => view.keys.map((key) => [key, view.get(key)?.rv]);

const writes = fc.array(
  fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), remove: fc.boolean(), look: fc.boolean() }),
  {
    maxLength: 60,
  },
);

it('shows every version of a table as it was when it was written, in the order of keys', () => {
  fc.assert(
    fc.property(writes, (steps) => {
      const store = new Store([POD], 1000, 10);
      const seen: { rv: number; view: unknown }[] = [];
      const model = new Map<string, number>();
      for (const { name, remove, look } of steps) {
        if (remove && model.delete(`a/${name}`)) store.remove(POD, object(name));
        else if (!remove) model.set(`a/${name}`, store.put(POD, object(name)).rv);
        if (look) shown(store.table(POD).at(store.version));
        seen.push({ rv: store.version, view: [...model].sort(([one], [two]) => (one < two ? -1 : 1)) });
      }
      for (const { rv, view } of seen) expect(shown(store.table(POD).at(rv))).toEqual(view);
    }),
  );
});

it('forgets the oldest changes beyond its history and says so', () => {
  const store = new Store([POD], 10, 100);
  for (let at = 0; at < 50; at += 1) store.put(POD, object('one'));
  expect(store.table(POD).since(store.version - 10)).toHaveLength(10);
  expect(() => store.table(POD).since(100)).toThrow(ApiError);
});
