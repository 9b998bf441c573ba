/** The demo's picture: from what the device watch has seen to lines of text. Pure; knows nothing of terminals but their width. */
import { GPU_MILLI } from '../../core/names.ts';
import { colourBar, colourOf, plainBar, type Segment } from './bar.ts';
import { type DeviceWatch, fillOf, type KnownDevice, type WaitingPod } from './device-watch.ts';

export type NodeRow = { readonly name: string; readonly model: string; readonly devices: readonly KnownDevice[] };

export type PictureInput = {
  readonly rows: readonly NodeRow[];
  readonly watch: DeviceWatch;
  readonly elapsedMs: number;
  readonly forSeconds: number | null;
  /** pods per second lately */
  readonly podsPerSecond: number;
  readonly nowMs: number;
  readonly columns: number;
  readonly lines: number;
  readonly colour: boolean;
};

const WAITING_AT_MOST = 5;
const FAULTS_SHOWN = 3;
const TITLE = 'Muster';
/** kube-scheduler's own words for a sum that is too small */
const SUM_SHORT = `Insufficient ${GPU_MILLI}`;
/** lines that are neither nodes nor waiting pods, and the one the cursor stands on */
const FRAME_LINES = 7;

const style = (code: string) => (on: boolean, text: string) => (on ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = style('1');
const dim = style('2');
const red = style('1;31');
const yellow = style('33');

export const percent = (milli: number): string => `${Math.floor(milli / 10)} %`;

/** How full all devices together are, in thousandths. */
export function overallFill(rows: readonly NodeRow[], watch: DeviceWatch): number {
  const fills = rows.flatMap((row) => row.devices.map((device) => fillOf(device, watch.shares(device))));
  return fills.length === 0 ? 0 : Math.round(fills.reduce((sum, one) => sum + one, 0) / fills.length);
}

function segmentsOf(device: KnownDevice, watch: DeviceWatch): Segment[] {
  return watch.shares(device).map((share) => ({ colour: colourOf(share.uid), size: fillOf(device, [share]) / 1000 }));
}

function nodeLine(row: NodeRow, input: PictureInput, nameWidth: number, modelWidth: number, cell: number): string {
  const { watch, colour } = input;
  const name = row.name.padEnd(nameWidth);
  const model = dim(colour, row.model.padEnd(modelWidth));
  if (row.devices.length === 0) return ` ${bold(colour, name)} ${model} ${dim(colour, 'no GPU')}`;
  const bars = row.devices.map((device) => (colour ? colourBar : plainBar)(segmentsOf(device, watch), cell)).join(' ');
  return ` ${bold(colour, name)} ${model} ${bars}`;
}

/**
 * kube-scheduler's `2 <reason>, 9 <reason>.` for people: what concerns most nodes first. That a node is of another kind (selector,
 * affinity) is no news unless it is the only reason.
 */
export function shortReason(message: string): string {
  const parts = message
    .replace(/\.$/, '')
    .split(/, (?=\d+ )/)
    .flatMap((part) => {
      const match = /^(\d+) (.+)$/.exec(part);
      return match
        ? [{ nodes: Number(match[1]), text: match[2]!.replace(SUM_SHORT, 'too little GPU is free in sum') }]
        : [];
    });
  const telling = parts.filter((part) => !part.text.includes('affinity'));
  const shown = (telling.length > 0 ? telling : parts).sort((a, b) => b.nodes - a.nodes);
  return shown.length === 0
    ? message
    : shown
        .map((part) => `${part.text} (${part.nodes} nodes)`)
        .join(', ')
        .replaceAll('(1 nodes)', '(1 node)');
}

function cut(text: string, room: number): string {
  return text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : text;
}

function waitingLine(pod: WaitingPod, input: PictureInput): string {
  const seconds = Math.max(0, Math.round((input.nowMs - pod.sinceMs) / 1000));
  const head = `${pod.name.padEnd(19)} ${`${seconds} s`.padStart(5)}  `;
  const reason = pod.reason === '' ? 'not looked at yet' : shortReason(pod.reason);
  return ` ${yellow(input.colour, head)}${dim(input.colour, cut(reason, input.columns - head.length - 2))}`;
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

export function drawPicture(input: PictureInput): string[] {
  const { rows, watch, colour, columns } = input;
  const nameWidth = Math.max(...rows.map((row) => row.name.length));
  const modelWidth = Math.max(...rows.map((row) => row.model.length));
  const most = Math.max(1, ...rows.map((row) => row.devices.length));
  const cell = Math.min(10, Math.max(3, Math.floor((columns - nameWidth - modelWidth - 4) / most) - 1));
  const time = `${clock(input.elapsedMs)}${input.forSeconds === null ? '' : ` / ${clock(input.forSeconds * 1000)}`}`;
  const about = cut(
    '  GPU fractions on the stock scheduler, an embedded cluster on loopback',
    columns - TITLE.length - time.length - 3,
  );
  const gap = ' '.repeat(Math.max(1, columns - TITLE.length - about.length - time.length - 2));
  const waiting = watch.waiting();
  const counts = [
    `${input.podsPerSecond.toFixed(1)} pods/s`,
    `running ${watch.running}`,
    `waiting ${waiting.length}`,
    `GPUs ${percent(overallFill(rows, watch))} full`,
    `fullest ever ${percent(watch.fullest)}`,
  ].join('   ');
  const placed = `placed ${watch.placed}`;
  const faults = [...watch.faults].slice(0, FAULTS_SHOWN).map((fault) => ` ${red(colour, cut(fault, columns - 2))}`);
  // the picture must stay lower than the terminal, or redrawing in place would scroll
  const height = Math.max(8, input.lines) - FRAME_LINES - faults.length;
  const waitingAtMost = Math.max(1, Math.min(WAITING_AT_MOST, height - rows.length));
  const rowsAtMost = rows.length <= height - waitingAtMost ? rows.length : Math.max(1, height - waitingAtMost - 1);
  const hidden = rows.length - rowsAtMost;
  return [
    ` ${bold(colour, TITLE)}${dim(colour, about)}${gap}${time}`,
    '',
    ...rows.slice(0, rowsAtMost).map((row) => nodeLine(row, input, nameWidth, modelWidth, cell)),
    ...(hidden > 0 ? [dim(colour, ` … and ${hidden} more nodes`)] : []),
    '',
    ` ${bold(colour, placed)}   ${cut(counts, columns - placed.length - 5)}`,
    ` ${dim(colour, cut(watch.last, columns - 2))}`,
    ...faults,
    '',
    ...Array.from({ length: waitingAtMost }, (_, at) => (waiting[at] ? waitingLine(waiting[at], input) : '')),
  ];
}

/** One line of progress where there is no terminal. */
export function progressLine(input: Pick<PictureInput, 'rows' | 'watch' | 'elapsedMs' | 'podsPerSecond'>): string {
  const { rows, watch } = input;
  const waiting = watch.waiting();
  const first = waiting.find((pod) => pod.reason !== '');
  return [
    `${String(Math.round(input.elapsedMs / 1000)).padStart(3)} s`,
    `placed ${watch.placed}`,
    `${input.podsPerSecond.toFixed(1)} pods/s`,
    `running ${watch.running}`,
    `GPUs ${percent(overallFill(rows, watch))} full`,
    `waiting ${waiting.length}${first ? ` (${first.name}: ${shortReason(first.reason)})` : ''}`,
  ].join('  ');
}

export function summaryLine(watch: DeviceWatch, elapsedMs: number): string {
  const rate = watch.placed / Math.max(0.001, elapsedMs / 1000);
  const faults = [...watch.faults];
  const more = faults.length > FAULTS_SHOWN ? ` and ${faults.length - FAULTS_SHOWN} more` : '';
  const over =
    faults.length === 0 ? 'none ever over 100 %' : `FAULTS: ${faults.slice(0, FAULTS_SHOWN).join('; ')}${more}`;
  return `placed ${watch.placed} pods on ${watch.used.size} devices (${rate.toFixed(1)} pods/s), ${watch.waiting().length} waiting, max device ${percent(watch.fullest)}, ${over}`;
}
