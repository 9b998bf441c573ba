/** What `muster bench` says: latencies of calls and of their parts, calls per second, and why pods were refused. */
import type { Asking, Call } from './ask.ts';

export type Latency = { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };

export type BenchReport = {
  readonly calls: number;
  readonly seconds: number;
  readonly callsPerSecond: number;
  readonly callers: number;
  readonly nodes: number;
  readonly pods: string;
  /** ms, seen from here */
  readonly callMs: Latency;
  /** ms of the extender's one thread, as it says: reading the body, deciding, writing the reply */
  readonly extenderMs: { readonly read: Latency; readonly decide: Latency; readonly reply: Latency };
  /** per cent of calls */
  readonly placedPercent: number;
  readonly refusedPercent: number;
  /** of all nodes that refused in the calls that found none: per cent by reason, largest first */
  readonly refusals: readonly { readonly reason: string; readonly percent: number }[];
};

export function reportOf(
  { calls, seconds }: Asking,
  about: { readonly callers: number; readonly nodes: number; readonly pods: string },
): BenchReport {
  const part = (of: (call: Call) => number): Latency => latency(calls.map(of));
  const placed = calls.filter((call) => call.placed).length;
  return {
    calls: calls.length,
    seconds: rounded(seconds),
    callsPerSecond: rounded(calls.length / seconds),
    ...about,
    callMs: part((call) => call.ms),
    extenderMs: {
      read: part(({ parts }) => parts.read),
      decide: part(({ parts }) => parts.decide),
      reply: part(({ parts }) => parts.reply),
    },
    placedPercent: percent(placed, calls.length),
    refusedPercent: percent(calls.length - placed, calls.length),
    refusals: refusalsOf(calls),
  };
}

export function reportText(report: BenchReport): string {
  const { callMs, extenderMs } = report;
  const line = (what: string, { p50, p90, p99, max }: Latency): string =>
    `${what.padEnd(22)}${[p50, p90, p99, max].map((ms) => ms.toFixed(3).padStart(10)).join('')}\n`;
  const head = ['half', '90 %', '99 %', 'longest'].map((each) => each.padStart(10)).join('');
  const reasons = report.refusals.map(({ reason, percent: part }) => `${part.toFixed(1).padStart(8)} %  ${reason}\n`);
  return [
    `${report.calls} dry decisions in ${report.seconds.toFixed(2)} s by ${report.callers} at a time: ${Math.round(report.callsPerSecond)}/s; nothing was held or bound\n`,
    `${report.nodes} nodes offered each time, in another order; ${report.pods}\n\n`,
    `${'ms'.padEnd(22)}${head}\n`,
    line('call, seen from here', callMs),
    line('  reading the body', extenderMs.read),
    line('  deciding', extenderMs.decide),
    line('  writing the reply', extenderMs.reply),
    `\n${report.placedPercent.toFixed(1)} % of the pods would be placed, ${report.refusedPercent.toFixed(1)} % refused\n`,
    ...(reasons.length === 0 ? [] : ['their nodes, by reason:\n', ...reasons]),
  ].join('');
}

function refusalsOf(calls: readonly Call[]): BenchReport['refusals'] {
  const nodes = new Map<string, number>();
  let all = 0;
  for (const { refusals } of calls) {
    for (const [reason, count] of refusals) {
      nodes.set(reason, (nodes.get(reason) ?? 0) + count);
      all += count;
    }
  }
  return [...nodes]
    .sort(([a, more], [b, less]) => less - more || (a < b ? -1 : 1))
    .map(([reason, count]) => ({ reason, percent: percent(count, all) }));
}

function latency(values: readonly number[]): Latency {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

const percent = (part: number, of: number): number => (of === 0 ? 0 : rounded((100 * part) / of));
const rounded = (value: number): number => Number(value.toFixed(4));
