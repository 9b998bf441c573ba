import { expect, it } from 'vitest';
import { podGroup } from '../../../test/build/facts.ts';
import type { GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import { Gangs } from './gangs.ts';

const object = (key: string, priorityClassName: string): GangObjectFacts => podGroup(key, { key, priorityClassName });

/** Gangs whose version has grown by it. */
function touched(gangs: Gangs, change: () => void): string[] {
  const before = new Map([...gangs.values()].map(({ key, version }) => [key, version]));
  change();
  return [...gangs.values()].filter(({ key, version }) => before.get(key) !== version).map(({ key }) => key);
}

it('the first PriorityClass and the end of the last one concern all gangs that name any, others those that name it', () => {
  const gangs = new Gangs();
  for (const name of ['a', 'b', '']) gangs.upsertObject(object(`team/${name}`, name));
  const both = ['team/a', 'team/b'];
  expect(touched(gangs, () => gangs.setClass('a', 1))).toEqual(both);
  expect(touched(gangs, () => gangs.setClass('b', 1))).toEqual(['team/b']);
  expect(touched(gangs, () => gangs.setClass('b', 1))).toEqual([]);
  expect(touched(gangs, () => gangs.setClass('b', null))).toEqual(['team/b']);
  expect(touched(gangs, () => gangs.setClass('a', null))).toEqual(both);
});
