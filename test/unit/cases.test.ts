/**
 * Other schedulers' own cases (bench/cases) through our code: none may fail, and enough of them must be judged. They lie beside
 * the repository; without them this is skipped and the runners are tried on cases of our own.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DESIGN_RULES, LATER_PARTS } from '../../bench/cases/rules.ts';
import { type Report, runDirectory } from '../../bench/cases/run.ts';
import { RESULTS } from '../../bench/cases/verdict.ts';

const DATA = resolve(import.meta.dirname, '../../../shared/data/cases');

describe.skipIf(!existsSync(DATA))('the cases of six projects (skipped where ../shared/data is absent)', () => {
  let report: Report;
  beforeAll(() => {
    report = runDirectory(DATA);
  });

  it('none fails', () => {
    const failed = report.cases.filter(({ verdict }) => verdict.result === 'fails');
    expect(failed.map(({ file, name, verdict }) => `${file}: ${name}: ${JSON.stringify(verdict)}`)).toEqual([]);
  });

  it('every case is counted once, and enough of them are judged', () => {
    const counted = RESULTS.reduce((sum, result) => sum + report.total[result], 0);
    expect(counted).toBe(report.cases.length);
    expect(report.cases.length).toBeGreaterThanOrEqual(643);
    const judged = (folder: string): number => {
      const tally = report.folders.get(folder);
      return (tally?.same ?? 0) + (tally?.equivalent ?? 0);
    };
    expect(judged('hami')).toBeGreaterThanOrEqual(79);
    expect(judged('vgpu-manager')).toBeGreaterThanOrEqual(70);
    expect(judged('gpuallocator')).toBeGreaterThanOrEqual(20);
    expect(judged('kai')).toBeGreaterThanOrEqual(34);
    expect(
      report.cases.filter(({ verdict }) => verdict.result === 'notYet' && verdict.part === 'unknown-kind'),
    ).toEqual([]);
  });

  it('every rule is one that some case needs, or one that waits for cases that are not in this directory', () => {
    const used = new Set(
      report.cases.map(({ verdict }) =>
        verdict.result === 'byDesign' ? verdict.rule : verdict.result === 'notYet' ? verdict.part : '',
      ),
    );
    const unused = [...Object.keys(DESIGN_RULES), ...Object.keys(LATER_PARTS)].filter(
      (rule) => !used.has(rule as never),
    );
    expect(unused).toEqual([
      'unknown-word',
      'contradiction',
      'one-device-no-link',
      'contradicts-itself',
      'preemptibility',
      'unknown-kind',
    ]);
  });
});

describe('a directory of that shape', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cases-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const gpu = {
    id: 'g0',
    index: 0,
    memMiB: 1000,
    cores: 100,
    slots: 10,
    healthy: true,
    usedMiB: 0,
    usedCores: 0,
    usedSlots: 0,
  };
  const fit = (name: string, memMiB: number, expected: object) => ({
    name,
    kind: 'fit',
    tags: [],
    nodes: [{ name: 'n', gpus: [gpu] }],
    pod: { containers: [{ count: 1, memMiB, cores: 10 }], policy: {} },
    expect: expected,
  });
  const write = (folder: string, file: string, content: unknown): void => {
    mkdirSync(join(directory, folder), { recursive: true });
    writeFileSync(join(directory, folder, file), typeof content === 'string' ? content : JSON.stringify(content));
  };
  const endOf = (name: string) => {
    const { folder: _, file: __, ...ended } = runDirectory(directory).cases.find((each) => each.name === name)!;
    return ended.verdict;
  };

  it('without cases is said to be none', () => {
    expect(() => runDirectory(mkdtempSync(join(directory, 'empty-')))).toThrow('holds no cases');
  });

  it('is judged: what is right is the same, what is wrong fails', () => {
    write('hami', 'a.json', {
      cases: [
        fit('right', 500, { fit: true, gpus: ['g0'] }),
        fit('too large', 5000, { fit: false, reasons: { CardInsufficientMemory: 1 } }),
        fit('a lie', 500, { fit: false, reasons: { CardInsufficientMemory: 1 } }),
        fit('another lie', 5000, { fit: true }),
      ],
    });
    expect(endOf('right')).toEqual({ result: 'same' });
    expect(endOf('too large')).toEqual({ result: 'same' });
    expect(endOf('a lie').result).toBe('fails');
    expect(endOf('another lie').result).toBe('fails');
  });

  it('in a folder of another name is known by the repository it names', () => {
    write('mine', 'a.json', {
      source: { repository: 'Project-HAMi/HAMi' },
      cases: [fit('elsewhere', 500, { fit: true })],
    });
    expect(endOf('elsewhere')).toEqual({ result: 'same' });
  });

  it('with kinds nobody knows says so, and with what is no case fails', () => {
    write('strange', 'a.json', { cases: [{ name: 'odd', kind: 'tea' }, { kind: 'nameless' }] });
    write('strange', 'b.json', 'not JSON');
    expect(endOf('odd')).toEqual({ result: 'notYet', part: 'unknown-kind', detail: 'strange/tea' });
    expect(endOf('#1').result).toBe('fails');
    expect(endOf('(the file)').result).toBe('fails');
  });

  it('with a case that lacks its fields fails that case and goes on', () => {
    write('hami', 'b.json', { cases: [{ name: 'hollow', kind: 'fit' }, fit('after it', 500, { fit: true })] });
    expect(endOf('hollow').result).toBe('fails');
    expect(endOf('after it')).toEqual({ result: 'same' });
  });
});

describe('docs/cases.md', () => {
  // the formatter pads tables
  const text = readFileSync(join(import.meta.dirname, '../../docs/cases.md'), 'utf8').replaceAll(/ +/g, ' ');

  it('gives every rule and every later part with its reason', () => {
    for (const [rule, why] of Object.entries({ ...DESIGN_RULES, ...LATER_PARTS })) {
      expect(text).toContain(`| \`${rule}\` | ${why} |`);
    }
  });
});
