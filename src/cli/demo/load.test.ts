import { describe, expect, it } from 'vitest';
import { type JsonObject, objectAt, textAt } from '../../sim/api/object.ts';
import { Load } from './load.ts';

function loadOf(seed: number): { load: Load; pods: JsonObject[]; names(): string[] } {
  const pods: JsonObject[] = [];
  const load = new Load({ seed, rate: 1, create: (pod) => pods.push(pod) });
  return { load, pods, names: () => pods.map((pod) => textAt(pod.metadata, 'name')) };
}

describe('the load', () => {
  it('is the same for the same seed, and every pod has a team', () => {
    const [one, same, other] = [loadOf(7), loadOf(7), loadOf(8)];
    for (const { load } of [one, same, other]) load.burst();
    expect(one.pods).toEqual(same.pods);
    expect(one.pods).not.toEqual(other.pods);
    expect(new Set(one.pods.map((pod) => textAt(objectAt(pod.metadata, 'labels'), 'team'))).size).toBeGreaterThan(2);
  });

  it('creates a pod again that went before it had ended, and no other', () => {
    const { load, names } = loadOf(7);
    load.burst();
    const [first = '', second = ''] = names();
    const before = names().length;
    load.ended(first);
    load.gone(first);
    load.gone('not-ours-1');
    load.gone(second);
    load.gone(`${second}-b`);
    expect(names().slice(before)).toEqual([`${second}-b`, `${second}-c`]);
  });

  it('sends pods by itself until it is paused', async () => {
    const { load, pods } = loadOf(7);
    load.start();
    expect(pods).toHaveLength(1);
    load.stop();
    load.paused = true;
    load.start();
    load.stop();
    expect(pods).toHaveLength(1);
  });

  it('has gangs, and what is done again of one is done alone', () => {
    const { load, pods, names } = loadOf(7);
    const gang = load.gang();
    const size = pods.length;
    expect(size).toBeGreaterThanOrEqual(3);
    const labels = pods.map((pod) => objectAt(objectAt(pod, 'metadata'), 'labels')['muster.dev/pod-group']);
    expect(new Set(labels)).toEqual(new Set([gang]));
    expect(objectAt(pods[0]?.metadata, 'annotations')['muster.dev/min-member']).toBe(String(size));
    load.gone(`${gang}-1`);
    expect(names().at(-1)).toBe(`${gang}-1-b`);
    expect(objectAt(pods.at(-1)?.metadata, 'labels')['muster.dev/pod-group']).toBeUndefined();
  });

  it('has a pod that comes before all others', () => {
    const { load, pods } = loadOf(7);
    expect(load.urgent()).toContain('urgent-1');
    expect(objectAt(pods[0], 'spec').priorityClassName).toBe('demo-urgent');
  });
});
