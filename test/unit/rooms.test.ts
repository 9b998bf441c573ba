/** The rooms of src/ and which doors are open between them (design: an import may only point down the list). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** room → rooms it may import, itself always. Longest matching folder wins. */
const DOORS: Record<string, readonly string[]> = {
  cli: [
    'sim/world',
    'extender',
    'placer',
    'admission',
    'sidecar',
    'backend',
    'bus',
    'cluster',
    'dialects',
    'core',
    'sim',
    'kube',
  ],
  'sim/world': [
    'extender',
    'placer',
    'admission',
    'sidecar',
    'backend',
    'bus',
    'cluster',
    'dialects',
    'core',
    'sim',
    'kube',
  ],
  extender: ['placer', 'cluster', 'core', 'kube'],
  placer: ['cluster', 'core', 'kube'],
  admission: ['dialects', 'core', 'kube'],
  sidecar: ['cluster', 'dialects', 'core', 'kube', 'bus'],
  backend: ['bus'],
  bus: [],
  cluster: ['core', 'dialects', 'kube'],
  dialects: ['core'],
  sim: ['core', 'kube'],
  kube: [],
  core: [],
};
const ROOMS = Object.keys(DOORS).sort((a, b) => b.length - a.length);
const PURE = ['core', 'dialects'];

const roomOf = (path: string): string | undefined => {
  const inside = relative(SRC, path).split(sep).join('/');
  return ROOMS.find((room) => inside.startsWith(`${room}/`));
};
const files = (readdirSync(SRC, { recursive: true }) as string[])
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => join(SRC, path));
const importsOf = (text: string): string[] =>
  [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^;]*?\bfrom\s+'([^']+)'|\bimport\(\s*'([^']+)'|(?:^|\n)import\s+'([^']+)'/g,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3])!);

describe('rooms', () => {
  it('finds the files it judges', () => {
    expect(files.length).toBeGreaterThan(60);
    expect(
      importsOf(
        "import { a } from './a.ts';\nimport type { B } from '../b.ts';\nawait import('./c.ts');\nexport { d } from './d.ts';",
      ),
    ).toEqual(['./a.ts', '../b.ts', './c.ts', './d.ts']);
  });

  it('every file is in a room', () => {
    expect(files.filter((path) => roomOf(path) === undefined).map((path) => relative(SRC, path))).toEqual([]);
  });

  it('imports only point down', () => {
    const wrong: string[] = [];
    for (const path of files) {
      const room = roomOf(path)!;
      for (const target of importsOf(readFileSync(path, 'utf8'))) {
        if (!target.startsWith('.')) continue;
        const other = roomOf(resolve(dirname(path), target));
        if (other !== undefined && other !== room && !DOORS[room]!.includes(other))
          wrong.push(`${relative(SRC, path)} → ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('the pure rooms import no I/O', () => {
    const wrong = files
      .filter((path) => PURE.includes(roomOf(path)!))
      .flatMap((path) =>
        importsOf(readFileSync(path, 'utf8'))
          .filter((target) => target.startsWith('node:'))
          .map((target) => `${relative(SRC, path)} → ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('time, chance and network come in through ports', () => {
    const forbidden =
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bset(?:Timeout|Interval)\(|(?<![.\w])fetch\(|\bperformance\.now\b/;
    const wrong = files
      .filter((path) => !path.endsWith('-adapter.ts') && roomOf(path) !== 'cli')
      .flatMap((path) =>
        readFileSync(path, 'utf8')
          .split('\n')
          .flatMap((line, at) =>
            forbidden.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line) ? [`${relative(SRC, path)}:${at + 1}`] : [],
          ),
      );
    expect(wrong).toEqual([]);
  });

  it('every room and folder says what it is for', () => {
    const folders = new Set(files.map((path) => dirname(path)));
    const silent = [...folders]
      .filter((folder) => !existsSync(join(folder, 'README.md')))
      .map((folder) => relative(SRC, folder));
    expect(silent).toEqual([]);
  });
});
