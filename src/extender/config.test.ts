import { describe, expect, it } from 'vitest';
import { readConfig, schedulerNames } from './config.ts';

describe('configuration', () => {
  it('needs nothing but who our scheduler is', () => {
    const config = readConfig({}, { POD_NAME: 'host-a' });
    expect(config).toMatchObject({ schedulerIdentity: 'host-a', shortList: 1, listen: { host: '127.0.0.1' } });
    expect(schedulerNames(config)).toEqual(['muster-scheduler']);
  });

  it.each([
    [{}, 'schedulerIdentity: is missing'],
    [{ leadership: 'always', shortlist: 8 }, 'shortlist: no such key'],
    [{ leadership: 'always', listen: { prot: 1 } }, 'listen.prot: no such key'],
    [{ leadership: 'always', listen: { host: '0.0.0.0' } }, 'listen.host: plain HTTP is served on loopback only'],
    [{ leadership: 'always', nodePolicy: 'best' }, 'nodePolicy: '],
    [{ schedulerIdentity: 'a', callDeadlineMs: 6_000 }, 'callDeadlineMs: must be at most'],
    [{ schedulerIdentity: 'a', renewDeadlineSeconds: 15 }, 'renewDeadlineSeconds: must be less'],
    [[], 'the file: '],
  ])('%j is refused with key and remedy', (value, why) => {
    expect(() => readConfig(value)).toThrow(why);
  });
});
