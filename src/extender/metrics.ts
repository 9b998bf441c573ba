/** What the extender counts, with prom-client. No label names a node or a pod. The hottest counts are typed arrays, copied when asked for. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Condition, ODDITIES } from '../cluster/condition.ts';
import type { FilterAnswer } from '../cluster/decider.ts';
import { REASON_CODES, type ReasonCode } from '../core/reasons.ts';
import type { BindOutcome } from './verbs/bind.ts';
import type { Outcome, Verb } from './verbs/verb.ts';

/** Read when somebody scrapes; every function is cheap or null where there is nothing to tell. */
export type MetricSources = {
  readonly deciding: () => boolean;
  readonly holdsByCause: () => Readonly<Record<string, number>>;
  readonly waiting: () => { pods: number; onlyFragmentation: number };
  readonly condition: () => Condition;
  /** seconds since something last came from the API server, per kind */
  readonly cacheAgeSeconds: () => ReadonlyMap<string, number>;
  readonly relists: () => ReadonlyMap<string, number>;
  readonly bindsInFlight: () => number;
  readonly membersAtBind: () => number;
  /** Bindings for gangs that were found bound in part, by outcome */
  readonly completed: () => Readonly<Record<BindOutcome, number>>;
  readonly readingBack: () => number;
  /** null: none runs */
  readonly placer: () => { readonly waiting: number; readonly writes: number } | null;
};

/** A decision aims at about a ms; kube-scheduler gives up after seconds. */
const BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const REASON_AT = new Map<ReasonCode, number>(REASON_CODES.map((code, at) => [code, at]));

export class Metrics {
  readonly registry = new Registry();
  readonly #seconds: Histogram<'verb' | 'outcome'>;
  readonly #binds: Counter<'outcome'>;
  readonly #reviews: Histogram<'outcome'>;
  readonly #verdicts = new Float64Array(REASON_CODES.length);
  readonly #tallies = new WeakMap<FilterAnswer, Uint32Array>();
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });

  constructor(version: string, sources: MetricSources) {
    const registers = [this.registry];
    this.#seconds = new Histogram({
      name: 'muster_extender_verb_seconds',
      help: 'From whole request body to reply, by verb and outcome',
      labelNames: ['verb', 'outcome'],
      buckets: BUCKETS,
      registers,
    });
    this.#binds = new Counter({
      name: 'muster_extender_binds_total',
      help: 'Binds by outcome',
      labelNames: ['outcome'],
      registers,
    });
    const verdicts = this.#verdicts;
    new Counter({
      name: 'muster_extender_refusals_total',
      help: 'Nodes refused by filter, by reason',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [at, reason] of REASON_CODES.entries()) if (verdicts[at]! > 0) this.inc({ reason }, verdicts[at]!);
      },
    });
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    const byLabel = (
      name: string,
      help: string,
      label: string,
      read: () => Iterable<readonly [string, number]>,
    ): void => {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        collect() {
          for (const [value, amount] of read()) this.set({ [label]: value }, amount);
        },
      });
    };
    gauge('muster_extender_deciding', '1 while this extender decides', () => Number(sources.deciding()));
    byLabel('muster_holds', 'Claims held for pods that are not bound yet, by cause', 'cause', () =>
      Object.entries(sources.holdsByCause()),
    );
    gauge('muster_pods_waiting', 'Pods that filter refused and that are not bound', () => sources.waiting().pods);
    gauge(
      'muster_pods_waiting_fragmentation',
      'Waiting pods for which the free shares would do if they were on one device',
      () => sources.waiting().onlyFragmentation,
    );
    byLabel(
      'muster_cache_age_seconds',
      'Since the API server last sent something, by kind',
      'kind',
      sources.cacheAgeSeconds,
    );
    byLabel('muster_relists', 'Lists since start because the history was lost, by kind', 'kind', sources.relists);
    gauge('muster_extender_binds_in_flight', 'Binds that have no answer yet', sources.bindsInFlight);
    gauge(
      'muster_gang_members_at_bind',
      'Gang members whose bind waits for the others of their gang',
      sources.membersAtBind,
    );
    new Counter({
      name: 'muster_gang_members_completed_total',
      help: 'Bindings sent by this extender itself, for gangs that it found bound in part when it began to decide, by outcome',
      labelNames: ['outcome'],
      registers,
      collect() {
        this.reset();
        for (const [outcome, count] of Object.entries(sources.completed())) this.inc({ outcome }, count);
      },
    });
    gauge(
      'muster_extender_binds_read_back',
      'Bindings of unknown outcome that are being read back',
      sources.readingBack,
    );
    gauge(
      'muster_placer_line',
      'Pods of ours without a node that the placer knows, behind its gate or not',
      () => sources.placer()?.waiting ?? 0,
    );
    new Counter({
      name: 'muster_placer_writes_total',
      help: 'Nominations, lifted gates, withdrawals and reasons sent by the placer, repetitions included',
      registers,
      collect() {
        this.reset();
        this.inc(sources.placer()?.writes ?? 0);
      },
    });
    new Gauge({
      name: 'muster_devices',
      help: 'GPU devices of managed nodes, by health',
      labelNames: ['health'],
      registers,
      collect() {
        const { devices, healthyDevices } = sources.condition();
        this.set({ health: 'healthy' }, healthyDevices);
        this.set({ health: 'unhealthy' }, devices - healthyDevices);
      },
    });
    byLabel('muster_oddities', 'What is odd about managed nodes, by kind; /readyz?verbose names them', 'kind', () => {
      const counts = new Map<string, number>(ODDITIES.map((kind) => [kind, 0]));
      for (const { kind } of sources.condition().oddities) counts.set(kind, counts.get(kind)! + 1);
      return counts;
    });
    this.#reviews = new Histogram({
      name: 'muster_webhook_review_seconds',
      help: 'Admission reviews, by outcome',
      labelNames: ['outcome'],
      buckets: BUCKETS,
      registers,
    });
    this.#delay.enable();
    gauge('muster_event_loop_delay_seconds', '99th percentile of the event loop delay since the last scrape', () => {
      const { count } = this.#delay;
      const seconds = count === 0 ? 0 : this.#delay.percentile(99) / 1e9;
      this.#delay.reset();
      return seconds;
    });
    new Counter({
      name: 'muster_event_loop_busy_seconds_total',
      help: 'How long the event loop was at work since the start; its rate is the share of a core that the decision thread needs',
      registers,
      collect() {
        this.reset();
        this.inc(performance.eventLoopUtilization().active / 1000);
      },
    });
    new Gauge({
      name: 'muster_build_info',
      help: 'Always 1',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.version }, 1);
  }

  verb(verb: Verb, outcome: Outcome, seconds: number): void {
    this.#seconds.observe({ verb, outcome }, seconds);
  }

  bind(outcome: BindOutcome): void {
    this.#binds.inc({ outcome });
  }

  review(outcome: string, seconds: number): void {
    this.#reviews.observe({ outcome }, seconds);
  }

  /** Once per answer given; an answer that is given again is not walked again. */
  refusals(answer: FilterAnswer): void {
    if (answer.refused.length === 0) return;
    let tally = this.#tallies.get(answer);
    if (tally === undefined) {
      tally = new Uint32Array(REASON_CODES.length);
      for (const { code } of answer.refused) tally[REASON_AT.get(code)!]!++;
      this.#tallies.set(answer, tally);
    }
    for (let at = 0; at < tally.length; at++) this.#verdicts[at]! += tally[at]!;
  }

  close(): void {
    this.#delay.disable();
  }
}
