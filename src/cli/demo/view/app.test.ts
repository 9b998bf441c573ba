import { EventEmitter } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { render } from 'ink';
import { createElement } from 'react';
import { describe, expect, it } from 'vitest';
import type { DemoEvent, NodeRow, PodFacts } from '../events.ts';
import { type Action, KEYS } from '../keys.ts';
import { type DemoState, initialState, type LineKind, reduce } from '../model.ts';
import { App, type AppProps } from './app.ts';
import { shownLines } from './events.ts';
import { firstShown } from './nodes.ts';

const KUBECONFIG = '/tmp/muster-demo-abcdef/kubeconfig';

function rowsOf(count: number): NodeRow[] {
  return Array.from({ length: count }, (_, at) => {
    const name = `node-${at}`;
    const devices = Array.from({ length: at === 0 ? 8 : at % 5 }, (_, index) => ({
      node: name,
      index,
      uuid: null,
      mib: 1000,
    }));
    return { name, model: at % 5 === 0 && at > 0 ? '' : 'H100 80GB', devices };
  });
}

const pod = (name: string, facts: Partial<PodFacts>): DemoEvent => ({
  atMs: 61_000,
  kind: 'pod',
  pod: {
    uid: name,
    name,
    team: name.split('-')[0]!,
    gang: '',
    ask: '0.5 GPU',
    urgent: false,
    createdMs: 0,
    node: '',
    phase: 'Pending',
    message: '',
    reason: '',
    claim: null,
    deleting: false,
    preempted: false,
    ...facts,
  },
});

/** Half of a device, a whole one, one over 100 %, and waiting pods with a long reason. */
function busy(nodes: number): DemoState {
  const claim = (index: number, milli: number) => [{ uuid: '', index, mib: milli, milli }];
  return reduce(initialState(rowsOf(nodes)), [
    { atMs: 1, kind: 'extender', change: { state: 'deciding', pid: 4242, leadership: 'a holds the Lease' } },
    pod('chat-1', { node: 'node-0', phase: 'Running', claim: claim(0, 500) }),
    pod('maps-2', { node: 'node-0', phase: 'Running', claim: claim(1, 1000) }),
    pod('maps-3', { node: 'node-0', phase: 'Running', claim: claim(2, 600) }),
    pod('maps-4', { node: 'node-0', phase: 'Running', claim: claim(2, 600) }),
    ...Array.from({ length: 60 }, (_, at) =>
      pod(`vision-${at + 10}`, { reason: `${'9 GPU devices are full, '.repeat(12)}1 node is not ready.` }),
    ),
    { atMs: 62_000, kind: 'node', name: 'node-0', cordoned: true },
  ]);
}

type Shown = { lines: string[]; raw: string; actions: Action[]; type(text: string): Promise<void>; end(): void };

/** The last frame, as ink writes it to a terminal of that size. */
function show(
  state: DemoState,
  columns: number,
  rows: number,
  more: Partial<AppProps> & { help?: boolean } = {},
): Shown {
  const frames: string[] = [];
  const stdout = Object.assign(new EventEmitter(), {
    columns,
    rows,
    isTTY: true,
    write: (text: string) => frames.push(text) > 0,
  });
  let typed: string | null = null;
  const stdin = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode() {},
    setEncoding() {},
    ref() {},
    unref() {},
    resume() {},
    pause() {},
    read() {
      const text = typed;
      typed = null;
      return text;
    },
  });
  const actions: Action[] = [];
  const { help = false, ...props } = more;
  const instance = render(
    createElement(App, {
      view: {
        state,
        ui: { marked: 0, paused: false, help },
        elapsedMs: 65_000,
        forSeconds: 90,
        podsPerSecond: 1.5,
        nowMs: 7_000,
        kubeconfig: KUBECONFIG,
        keyboard: true,
      },
      columns,
      rows,
      colour: false,
      onAction: (action) => actions.push(action),
      ...props,
    }),
    {
      stdout: stdout as unknown as NodeJS.WriteStream,
      stdin: stdin as unknown as NodeJS.ReadStream,
      debug: true,
      exitOnCtrlC: false,
      patchConsole: false,
    },
  );
  const raw = frames.at(-1) ?? '';
  return {
    raw,
    lines: stripVTControlCharacters(raw).split('\n'),
    actions,
    async type(text) {
      typed = text;
      stdin.emit('readable');
      await new Promise((resolve) => setTimeout(resolve, 30));
    },
    end: () => instance.unmount(),
  };
}

describe('the view', () => {
  it.each([
    [20, 6, 1],
    [40, 10, 12],
    [60, 15, 3],
    [80, 24, 12],
    [80, 24, 60],
    [100, 30, 12],
    [132, 40, 12],
    [200, 60, 12],
    [200, 60, 500],
  ])('fits a terminal of %i × %i with %i nodes, with and without colours and help', (columns, rows, nodes) => {
    for (const colour of [false, true]) {
      for (const help of [false, true]) {
        const { lines, end } = show(busy(nodes), columns, rows, { colour, help });
        end();
        expect(lines).toHaveLength(rows - 1);
        expect(lines.filter((line) => [...line].length > columns)).toEqual([]);
      }
    }
  });

  it('shows what the model says', () => {
    const { lines, end } = show(busy(12), 80, 24);
    end();
    expect(lines[0]).toMatch(/^ Muster {2}GPU .*● extender 4242 decides {2}01:05 \/ 01:30$/);
    expect(lines[1]).toBe(' 1.5 pods/s  running 4  waiting 60  GPUs 9 % allocated  fullest ever 120 %');
    expect(lines[2]).toBe('▸node-0  ccc·· MMMMM !!!!! ····· ····· ····· ····· ····· 33 % cordoned');
    expect(lines).toContainEqual(expect.stringMatching(/^── 60 waiting, and why ─+$/));
    expect(lines).toContainEqual(
      expect.stringMatching(/^ vision-10 {4}0\.5 GPU {8}7 s {2}GPU devices are full \(9 nodes\)/),
    );
    expect(lines).toContainEqual(' 01:02 cordoned   node-0 takes no new pods');
    expect(lines).toContain(`export KUBECONFIG=${KUBECONFIG}; kubectl get pods -A`);
  });

  it('names every key in 80 columns', () => {
    const { lines, end } = show(busy(12), 80, 24);
    end();
    for (const { key, shorter } of KEYS) expect(lines.at(-1)).toContain(`${key} ${shorter}`);
  });

  it('explains every key in its help', () => {
    const { lines, end } = show(busy(12), 80, 24, { help: true });
    end();
    for (const { long } of KEYS) expect(lines).toContainEqual(expect.stringContaining(long));
    expect(lines.some((line) => line.includes('node-0'))).toBe(false);
  });

  it('writes no colours where there are none', () => {
    const { raw, end } = show(busy(12), 80, 24);
    end();
    expect(raw).not.toContain('\x1b');
    const coloured = show(busy(12), 80, 24, { colour: true });
    coloured.end();
    expect(coloured.raw).toContain('\x1b[38;5;');
  });

  it('hands on what is typed', async () => {
    const { type, actions, end } = show(busy(2), 80, 24);
    for (const text of ['a', ' ', '\x1b[B', '\x03']) await type(text);
    end();
    expect(actions).toEqual(['add', 'pause', 'down', 'quit']);
  });
});

describe('of more nodes than there is room for', () => {
  it.each([
    [0, 0],
    [10, 8],
    [19, 15],
  ])('with node %i marked it shows those from %i', (marked, first) => {
    expect(firstShown(marked, 5, 20)).toBe(first);
  });
});

describe('of more lines than there is room for', () => {
  const line = (atMs: number, notable: boolean, kind: LineKind = 'bound') => ({ atMs, kind, text: '', notable });
  it.each([
    ['the newest', [line(1, false), line(2, false), line(3, false)], [3, 2]],
    ['a rare one and the newest', [line(1, true), line(2, false), line(3, false)], [3, 1]],
    [
      'rare ones of each kind before more of one',
      [line(-1, true, 'killed'), line(1, true, 'preempted'), line(2, true, 'preempted')],
      [2, -1],
    ],
    ['no rare one of long ago', [line(-40_000, true), line(2, false), line(3, false)], [3, 2]],
    ['rare ones only where there is nothing else', [line(1, true), line(2, true), line(3, true)], [3, 2]],
  ])('it shows %s', (_what, lines, expected) => {
    expect(shownLines(lines, 3, 2).map((one) => one.atMs)).toEqual(expected);
  });
});
