/**
 * Keeps a sink equal to one collection of the API server, for ever.
 *
 *   list ──► watch ──► (ends, breaks, falls silent) ──► pause ──► watch again from the last resourceVersion
 *    ▲                                                                │
 *    └──── 410, unreadable bytes, or five refusals in a row ◄─────────┘
 *
 * The first list is consistent (never resourceVersion=0). It is either a WatchList (the watch itself sends what exists, then a
 * bookmark marks the end) or pages; a server that refuses the first gets the second. Every list is compared with what
 * was delivered before, so the sink sees upserts and removals only, never a reset.
 *
 * Nothing that the server sends and nothing that the sink throws ends the loop; only `stop` does.
 */
import { type Difference, differences } from './audit.ts';
import { backoffMs } from './backoff.ts';
import type { DecodedObject, Decoder, PageEnd, WatchEvent } from './decoder.ts';
import { Delivered, identity, type Sink, state } from './delivered.ts';
import { DecodeError, ReflectorError, type ReflectorErrorCode, TransportError } from './errors.ts';
import { ENDED, failed, type Outcome, refused, statusOf, thrown } from './outcome.ts';
import type { Clock, KubeStream, Rng, Timer, Transport } from './ports.ts';
import { newStats, type ReflectorStats } from './reflector-stats.ts';
import { readStatus } from './status-error.ts';

export type { Difference } from './audit.ts';
export type { ReflectorStats } from './reflector-stats.ts';

export type ReflectorOptions<T> = {
  transport: Transport;
  clock: Clock;
  rng: Rng;
  decoder: Decoder<T>;
  sink: Sink<T>;
  /** the collection, without query: `/api/v1/pods` */
  path: string;
  fieldSelector?: string;
  labelSelector?: string;
  /** objects per list page; default 500 */
  pageSize?: number;
  /** try WatchList first; default true */
  watchList?: boolean;
  /** a watch without a byte for so long is dropped. Default: what the server was asked for (5–10 min) and 15 s more. */
  silenceMs?: number;
  /** none of these stops the reflector; called synchronously */
  onError?: (error: ReflectorError) => void;
};

const DEFAULT_PAGE_SIZE = 500;
const LARGEST_PAGE_SIZE = 5_000;
const LIST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 30_000;
const WATCH_SECONDS = 300;
const SILENCE_MARGIN_MS = 15_000;
/** a watch that ends earlier and without an event did not work */
const TOO_SHORT_MS = 1_000;
/** lists follow each other without a pause only when the last one is older */
const SOON_MS = 30_000;
/** refusals in a row after which the resourceVersion itself is doubted */
const DOUBT_AFTER = 5;
/** WatchLists that end before their bookmark until pages are used instead */
const WATCH_LISTS_TRIED = 2;

export class Reflector<T> {
  readonly stats: ReflectorStats = newStats();
  readonly #options: ReflectorOptions<T>;
  readonly #delivered: Delivered<T>;
  readonly #synced = Promise.withResolvers<void>();
  readonly #stopping = Promise.withResolvers<never>();
  /** calls of `relist` and the number of the listing that was begun last when they came */
  #relisting: { after: number; done: PromiseWithResolvers<void> }[] = [];
  #running: Promise<void> | null = null;
  #stopped = false;
  /** ends whatever is being waited for */
  #interrupt: () => void = () => {};
  #resourceVersion: string | null = null;
  #everSynced = false;
  #listedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** monotonic ms at which a list was begun without a pause, last */
  #hurriedAt = Number.NEGATIVE_INFINITY;
  #refusals = 0;
  #watchList: boolean;
  #watchListsBroken = 0;
  #pageSize: number;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#watchList = options.watchList ?? true;
    this.#pageSize = options.pageSize ?? DEFAULT_PAGE_SIZE;
    this.#stopping.promise.catch(() => {});
    this.#delivered = new Delivered(options.sink, (error, what) => {
      this.stats.sinkErrors += 1;
      this.#report('sink', `${what}: the sink threw`, error);
    });
  }

  /** a whole list was delivered; stays true while later relists run */
  get hasSynced(): boolean {
    return this.#everSynced;
  }

  /** objects the sink knows */
  get size(): number {
    return this.#delivered.size;
  }

  /** Resolves after the first `synced`; stays pending when stopped before. */
  whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  /**
   * Lists again, consistently, from now: resolves when the sink has heard everything that was true when this was called. For
   * moments when "the watch is probably up to date" is not enough. Stays pending when stopped before.
   */
  relist(): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#relisting.push({ after: this.stats.lists, done });
    if (this.#resourceVersion !== null) this.#again();
    return done.promise;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing runs any more. The sink hears nothing after the call. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.reject(new TransportError('aborted', 'the reflector was stopped'));
    this.#interrupt();
    await this.#running;
  }

  /**
   * Lists afresh and says what differs from what was delivered. What the watch may still be about to deliver is given
   * `settleMs` to arrive, and an object that changes meanwhile is not judged. Throws ReflectorError when the list fails.
   */
  async audit(settleMs = 5_000): Promise<Difference[]> {
    const before = this.#delivered.states();
    const listed = new Map<string, string>();
    let expired = 0;
    for (let token: string | null = ''; token !== null; ) {
      const page: PageEnd | Outcome = await this.#page(token, this.#pageSize, (batch) => {
        for (const object of batch) if (object.object !== null) listed.set(identity(object), state(object));
      });
      if ('continueToken' in page) token = page.continueToken === '' ? null : page.continueToken;
      else if (page.kind === 'relist' && expired < 3) {
        expired += 1;
        listed.clear();
        token = '';
      } else throw page.kind === 'ended' ? new ReflectorError('transport', 'the audit was stopped') : page.error;
    }
    await new Promise<void>((resolve) => this.#options.clock.after(settleMs, resolve));
    return differences(before, listed, this.#delivered.states());
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const outcome = await this.#attempt();
      this.stats.live = false;
      if (this.#stopped) return;
      if (outcome.kind === 'ended') continue;
      this.#failures += 1;
      this.#tell(outcome.error);
      let retryAfterSeconds: number | null = null;
      if (outcome.kind === 'relist') {
        this.#resourceVersion = null;
        this.#refusals = 0;
        // A 410 is nobody's fault and costs no time, also at the end of an outage: the server answers again, and what we show is as old
        // as the outage was long. One soon after the other is a fault.
        const now = this.#options.clock.monotonic();
        if (outcome.error.code === 'expired' && now - Math.max(this.#listedAt, this.#hurriedAt) > SOON_MS) {
          this.#hurriedAt = now;
          continue;
        }
      } else {
        retryAfterSeconds = outcome.retryAfterSeconds;
        this.#refusals = outcome.refused ? this.#refusals + 1 : 0;
        if (this.#refusals >= DOUBT_AFTER) {
          this.#resourceVersion = null;
          this.#refusals = 0;
        }
      }
      await this.#pause(backoffMs(this.#failures, retryAfterSeconds, this.#options.rng));
    }
  }

  #attempt(): Promise<Outcome> {
    if (this.#resourceVersion !== null) return this.#watch(false);
    return this.#watchList ? this.#watch(true) : this.#list();
  }

  // ---- list in pages

  async #list(): Promise<Outcome> {
    this.stats.lists += 1;
    this.#delivered.beginListing();
    for (let token = ''; ; ) {
      const page = await this.#page(token, this.#pageSize, (batch) => {
        if (this.#stopped) return;
        for (const object of batch) this.#put(object);
      });
      if (this.#stopped) return ENDED;
      if ('kind' in page) {
        // the next try has fewer pages, so that it ends before the snapshot is gone again
        if (page.kind === 'relist' && token !== '') this.#pageSize = Math.min(LARGEST_PAGE_SIZE, this.#pageSize * 2);
        return page;
      }
      if (page.continueToken === '') {
        this.#listed(page.resourceVersion);
        return ENDED;
      }
      token = page.continueToken;
    }
  }

  async #page(
    token: string,
    limit: number,
    deliver: (batch: readonly DecodedObject<T>[]) => void,
  ): Promise<PageEnd | Outcome> {
    const query = this.#query({ limit: String(limit), ...(token === '' ? {} : { continue: token }) });
    try {
      const path = `${this.#options.path}?${query}`;
      const request = this.#options.transport.request({ method: 'GET', path, timeoutMs: LIST_TIMEOUT_MS });
      const response = await Promise.race([request, this.#stopping.promise]);
      this.#heard(response.body.length);
      if (response.status !== 200) return refused(`list of ${this.#options.path}`, readStatus(response));
      return await this.#options.decoder.page(response.body, deliver);
    } catch (error) {
      return this.#thrown('list', error);
    }
  }

  // ---- watch, and list by watch

  async #watch(initial: boolean): Promise<Outcome> {
    const seconds = Math.round(WATCH_SECONDS * (1 + this.#options.rng.next()));
    const silenceMs = this.#options.silenceMs ?? seconds * 1000 + SILENCE_MARGIN_MS;
    const query = this.#query({
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
      ...(initial
        ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
        : { resourceVersion: this.#resourceVersion ?? '' }),
    });
    if (initial) {
      this.stats.lists += 1;
      this.#delivered.beginListing();
    }
    this.stats.watches += 1;
    const openedAt = this.#options.clock.monotonic();
    let stream: KubeStream;
    try {
      const path = `${this.#options.path}?${query}`;
      const opening = this.#options.transport.stream({ method: 'GET', path, timeoutMs: HEADERS_TIMEOUT_MS });
      const abortLate = (late: KubeStream): void => (this.#stopped ? late.abort() : undefined);
      opening.then(abortLate, () => {});
      stream = await Promise.race([opening, this.#stopping.promise]);
    } catch (error) {
      return this.#thrown('watch', error);
    }
    if (this.#stopped) return ENDED;
    if (!initial && this.#resourceVersion === null) {
      // `relist` was called while the watch was being opened
      stream.abort();
      return ENDED;
    }
    if (stream.status !== 200) {
      const outcome = refused(`watch of ${this.#options.path}`, await statusOf(stream));
      // 4xx but 410 and 429: this server knows no WatchList
      if (
        initial &&
        stream.status >= 400 &&
        stream.status < 500 &&
        ![401, 403, 404, 410, 429].includes(stream.status)
      ) {
        this.#watchList = false;
        this.#tell(outcome.error);
        return ENDED;
      }
      return outcome;
    }
    if (!initial) this.stats.live = true;
    const outcome = await this.#read(stream, silenceMs);
    const complete = this.#resourceVersion !== null;
    if (outcome.kind !== 'ended') this.stats.reconnects += 1;
    if (initial && !complete && !this.#stopped && this.#relisting.length === 0) {
      this.#watchListsBroken += 1;
      if (this.#watchListsBroken >= WATCH_LISTS_TRIED) this.#watchList = false;
    }
    const lastedMs = this.#options.clock.monotonic() - openedAt;
    if (lastedMs > SOON_MS) this.#failures = 0;
    if (this.#relisting.length > 0 && outcome.kind === 'ended') return outcome;
    if (outcome.kind === 'ended' && !this.#stopped && (lastedMs < TOO_SHORT_MS || !complete)) {
      const message = `watch of ${this.#options.path} ended after ${Math.round(lastedMs)} ms`;
      return failed(new ReflectorError('transport', message));
    }
    return outcome;
  }

  /** Reads to the end of the stream. The resourceVersion moves with every event once the list is complete. */
  async #read(stream: KubeStream, silenceMs: number): Promise<Outcome> {
    let outcome: Outcome | null = null;
    const end = (reason: Outcome): void => {
      outcome ??= reason;
      decode.abort();
      stream.abort();
    };
    const decode = this.#options.decoder.watch((batch) => {
      for (const event of batch) {
        if (outcome !== null || this.#stopped) return;
        const reason = this.#event(event);
        if (reason !== null) end(reason);
      }
    });
    let heardAt = this.#options.clock.monotonic();
    const silence = this.#silenceTimer(
      silenceMs,
      () => heardAt,
      () => {
        const message = `watch of ${this.#options.path} was silent for ${silenceMs} ms`;
        end(failed(new ReflectorError('silent', message)));
      },
    );
    this.#interrupt = () => end(ENDED);
    try {
      for await (const chunk of stream.chunks) {
        this.#heard(chunk.length);
        heardAt = this.#options.clock.monotonic();
        await decode.write(chunk);
      }
      await decode.end();
    } catch (error) {
      // the abort of our own making says nothing new
      outcome ??= this.#thrown('watch', error);
    } finally {
      this.#interrupt = () => {};
      silence.cancel();
      decode.abort();
      stream.abort();
    }
    return outcome ?? ENDED;
  }

  /** One event; an outcome when the watch must end. */
  #event(event: WatchEvent<T>): Outcome | null {
    this.stats.events += 1;
    if (event.type === 'ERROR')
      return refused(`watch of ${this.#options.path}`, { ...event.error, retryAfterSeconds: null }, event.error.ahead);
    if (this.#resourceVersion !== null) this.#failures = 0;
    this.#refusals = 0;
    if (event.type === 'BOOKMARK') {
      if (this.#resourceVersion !== null) this.#resourceVersion = event.resourceVersion;
      else if (event.initialEventsEnd) {
        this.#watchListsBroken = 0;
        this.#listed(event.resourceVersion);
        this.stats.live = true;
      }
      return null;
    }
    if (event.type === 'DELETED') this.#delivered.drop(event);
    else this.#put(event);
    // initial events come in any order: only their closing bookmark is a point to go on from
    if (this.#resourceVersion !== null && event.resourceVersion !== '') this.#resourceVersion = event.resourceVersion;
    return null;
  }

  // ---- shared

  #put(object: DecodedObject<T>): void {
    this.stats.objects += 1;
    if (object.object === null) {
      this.stats.malformedObjects += 1;
      this.#report('object', `${this.#options.path}: ${identity(object) || 'an object without a name'} is malformed`);
    }
    this.#delivered.put(object);
  }

  #listed(resourceVersion: string): void {
    this.#refusals = 0;
    this.#resourceVersion = resourceVersion;
    this.#listedAt = this.#options.clock.monotonic();
    if (this.#everSynced) this.stats.relists += 1;
    this.#everSynced = true;
    this.#delivered.endListing();
    this.#synced.resolve();
    const { lists } = this.stats;
    for (const { after, done } of this.#relisting) if (after < lists) done.resolve();
    this.#relisting = this.#relisting.filter(({ after }) => after >= lists);
    if (this.#relisting.length > 0) this.#again();
  }

  /** Forgets how far it has read, so that the next attempt lists. */
  #again(): void {
    this.#resourceVersion = null;
    this.#interrupt();
  }

  #heard(bytes: number): void {
    this.stats.bytes += bytes;
    this.stats.lastEventMonotonic = this.#options.clock.monotonic();
  }

  #thrown(verb: string, error: unknown): Outcome {
    if (this.#stopped) return ENDED;
    if (error instanceof DecodeError) this.stats.decodeErrors += 1;
    return thrown(`${verb} of ${this.#options.path}`, error);
  }

  #report(code: ReflectorErrorCode, message: string, cause?: unknown): void {
    this.#tell(new ReflectorError(code, message, cause === undefined ? undefined : { cause }));
  }

  #tell(error: ReflectorError): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // nowhere left to report it to, and the loop must go on
    }
  }

  #query(own: Record<string, string>): URLSearchParams {
    const query = new URLSearchParams(own);
    if (this.#options.fieldSelector !== undefined) query.set('fieldSelector', this.#options.fieldSelector);
    if (this.#options.labelSelector !== undefined) query.set('labelSelector', this.#options.labelSelector);
    return query;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      this.#interrupt = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#interrupt = () => {};
  }

  /** Fires when nothing was heard for `ms`. One timer at a time, not one per chunk. */
  #silenceTimer(ms: number, heardAt: () => number, fire: () => void): Timer {
    const { clock } = this.#options;
    let timer: Timer;
    const arm = (delay: number): void => {
      timer = clock.after(delay, () => {
        const left = heardAt() + ms - clock.monotonic();
        if (left <= 0) fire();
        else arm(left);
      });
    };
    arm(ms);
    return { cancel: () => timer.cancel() };
  }
}
