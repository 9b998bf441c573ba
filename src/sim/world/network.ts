/**
 * The wire between processes and the API server: `Transport`s whose calls take time, get lost on the way there or back, are
 * refused, and whose callers may be killed at any of them. A call that has left a process arrives even if its caller dies.
 */
import { TransportError } from '../../kube/errors.ts';
import type { KubeRequest, KubeResponse, KubeStream, Transport } from '../../kube/ports.ts';
import type { Api } from '../api/api.ts';
import type { ApiRequest, Streamed } from '../api/wire.ts';
import type { Chance, Fault } from './chance.ts';
import type { FaultKind, Rates } from './faults.ts';
import { Arriving } from './stream.ts';
import type { Process, VirtualTime } from './time.ts';
import type { Trace } from './trace.ts';

/** a user's DELETE, with no grace */
const FORCED = JSON.stringify({ gracePeriodSeconds: 0 });
/** the latest that a late call arrives, whatever its deadline */
const LATEST_MS = 10_000;
const REFUSED_MS = 2;

export type NetworkOptions = {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly api: Api;
  readonly rates: Rates;
  /** by name of the process */
  readonly stalledUntil: Map<string, number>;
  /** a call was carried out by the API server; the moment of its effect */
  readonly onDone: (by: Process, request: KubeRequest, status: number) => void;
};

export type LinkOptions = {
  /**
   * Its writes carry no precondition and are made until they are answered. So no 409 is invented for them, which would end that, and
   * none arrives after its death: it could undo what the next life has written.
   */
  readonly unconditional: boolean;
  /** changes requests before they leave: only for known bugs */
  readonly bend?: (request: KubeRequest) => KubeRequest | KubeResponse;
};

type CallFault = Fault<FaultKind> | null;

const READ = [
  'refused-429',
  'refused-500',
  'call-unsent',
  'call-lost',
  'answer-lost',
  'answer-broken',
  'call-late',
  'crash-before',
  'crash-after',
] as const satisfies readonly FaultKind[];
const WRITE: readonly FaultKind[] = [...READ, 'refused-409', 'done-500'];
const WRITE_ANYHOW: readonly FaultKind[] = WRITE.filter((one) => one !== 'refused-409');
const EVICT: readonly FaultKind[] = ['eviction-refused', ...WRITE];
/** last, so that what else happens to a write stays the same */
const BIND: readonly FaultKind[] = [...WRITE, 'crash-binding'];
const WATCH: readonly FaultKind[] = ['watch-refused', 'watch-expired', 'call-unsent', 'crash-before'];
const EVENT: readonly FaultKind[] = ['event-delayed', 'event-stalled', 'event-doubled', 'event-split', 'stream-broken'];
type Menu = readonly (readonly [kind: FaultKind, rate: number])[];

export class Network {
  readonly #options: NetworkOptions;
  readonly #streams = new Set<Link>();
  readonly #menus = new Map<readonly FaultKind[], Menu>();
  readonly #podMenus = new Map<readonly FaultKind[], Menu>();
  #awayUntil = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** No API server for `ms`: nothing is answered, streams break. */
  outage(ms: number): void {
    this.#awayUntil = this.#options.time.now + ms;
    for (const stream of [...this.#streams]) stream.break(0);
  }

  /** The watches of one process stand still for `ms`; nobody notices. */
  stall(processName: string, ms: number): void {
    this.#options.stalledUntil.set(processName, this.#options.time.now + ms);
  }

  transport(process: Process, link: LinkOptions): Transport {
    return {
      request: (request) => {
        const bent = link.bend?.(request) ?? request;
        return 'status' in bent ? Promise.resolve(bent) : this.#request(process, bent, link.unconditional);
      },
      stream: (request) => {
        const bent = link.bend?.(request) ?? request;
        return this.#stream(process, 'status' in bent ? request : bent);
      },
      close: async () => {},
    };
  }

  #request(process: Process, request: KubeRequest, unconditional: boolean): Promise<KubeResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<KubeResponse>();
    if (process.dead) return promise;
    const { time, trace } = this.#options;
    const fault = this.#callFault(process, request, unconditional);
    const what = `${request.method} ${request.path}`;
    trace.note(process.name, fault === null ? what : `${what} !${fault.kind}`);
    const fail = (code: 'broken' | 'unsent', after: number): void => {
      time.after(after, () => reject(new TransportError(code, `${what}: ${code}`)), process);
    };
    if (fault?.kind === 'crash-before') {
      process.kill();
      return promise;
    }
    if (fault?.kind === 'call-unsent' || time.now < this.#awayUntil) {
      fail('unsent', REFUSED_MS);
      return promise;
    }
    const timer = time.after(
      request.timeoutMs,
      () => reject(new TransportError('timeout', `${what}: timeout`)),
      process,
    );
    if (fault?.kind === 'call-lost') return promise;
    const crashes = fault?.kind === 'crash-after' || fault?.kind === 'crash-binding';
    // what left a process before it died may still be under way, as long as any late call
    const late = fault?.kind === 'call-late' || crashes ? fault.size * Math.min(LATEST_MS, request.timeoutMs - 1) : 0;
    time.after(Math.floor(late) + this.#latency(process), () => {
      if (unconditional && process.dead) return;
      void this.#carriedOut(process, request, fault).then((answer) => {
        if (answer === 'broken') fail('broken', REFUSED_MS);
        if (typeof answer !== 'object') return;
        time.after(
          this.#latency(process),
          () => {
            trace.note(process.name, `${what} → ${answer.status}`);
            timer.cancel();
            resolve(answer);
          },
          process,
        );
      });
    });
    if (crashes) process.kill();
    return promise;
  }

  /** At the API server. 'lost': done or not, no answer arrives. */
  async #carriedOut(
    process: Process,
    request: KubeRequest,
    fault: CallFault,
  ): Promise<KubeResponse | 'broken' | 'lost'> {
    if (this.#options.time.now < this.#awayUntil) return 'broken';
    const refusal = refusalOf(fault);
    if (refusal !== null) return refusal;
    const gone = fault?.kind === 'pod-gone-midway' ? fault : null;
    if (gone !== null && gone.size < 0.5) await this.#podGone(request, gone.size);
    const answer = await this.#options.api.handle(toApi(request));
    this.#options.onDone(process, request, answer.status);
    if (gone !== null && gone.size >= 0.5) await this.#podGone(request, gone.size);
    if (fault?.kind === 'answer-lost') return 'lost';
    if (fault?.kind === 'answer-broken') return 'broken';
    if (fault?.kind === 'done-500') return statusAnswer(500, null);
    return {
      status: answer.status,
      body: typeof answer.body === 'string' ? Buffer.from(answer.body) : await whole(answer.body),
      retryAfterSeconds: answer.retryAfterSeconds,
    };
  }

  async #podGone({ path }: KubeRequest, size: number): Promise<void> {
    const pod = podPathOf(path)!;
    const force = (size * 2) % 1 < 0.5;
    await this.#options.api.handle({
      method: 'DELETE',
      path: pod,
      contentType: 'application/json',
      body: force ? Buffer.from(FORCED) : null,
    });
    this.#options.trace.note('world', `DELETE ${pod}${force ? ' at once' : ''}`);
  }

  #stream(process: Process, request: KubeRequest): Promise<KubeStream> {
    const { promise, resolve, reject } = Promise.withResolvers<KubeStream>();
    if (process.dead) return promise;
    const { time, trace, chance } = this.#options;
    const fault = chance.fault<FaultKind>(`watch ${process.name}`, this.#menu(WATCH, false));
    trace.note(process.name, `watch ${request.path}${fault === null ? '' : ` !${fault.kind}`}`);
    if (fault?.kind === 'crash-before') {
      process.kill();
      return promise;
    }
    if (fault?.kind === 'call-unsent' || time.now < this.#awayUntil) {
      time.after(REFUSED_MS, () => reject(new TransportError('unsent', `watch ${request.path}: unsent`)), process);
      return promise;
    }
    const answer = (stream: KubeStream): void =>
      void time.after(this.#latency(process), () => resolve(stream), process);
    time.after(this.#latency(process), () => {
      if (fault?.kind === 'watch-refused' || fault?.kind === 'watch-expired') {
        const code = fault.kind === 'watch-expired' ? 410 : fault.size < 0.5 ? 429 : 500;
        const { status, body, retryAfterSeconds } = statusAnswer(code, code === 410 ? null : 1);
        answer({ status, retryAfterSeconds, chunks: once(body), abort() {} });
        return;
      }
      void this.#options.api.handle(toApi(request)).then(({ status, body, retryAfterSeconds }) => {
        if (typeof body === 'string') {
          answer({ status, retryAfterSeconds, chunks: once(Buffer.from(body)), abort() {} });
          return;
        }
        const link = new Link(this.#options, process, request.path, this.#streams);
        link.begin(body);
        answer({ status, retryAfterSeconds, chunks: link.arriving, abort: () => link.arriving.abort() });
      });
    });
    return promise;
  }

  #callFault(process: Process, request: KubeRequest, unconditional: boolean): CallFault {
    const write = request.method !== 'GET';
    const kinds = !write ? READ : unconditional ? WRITE_ANYHOW : WRITE;
    const pod = write && podPathOf(request.path) !== null;
    // only kube-schedulers delete pods under a precondition
    const evicts = pod && request.method === 'DELETE' && !unconditional;
    const binds = pod && request.method === 'POST' && request.path.includes('/binding');
    const menu = this.#menu(evicts ? EVICT : binds ? BIND : kinds, pod);
    return this.#options.chance.fault<FaultKind>(`call ${process.name}`, menu);
  }

  /** These kinds with their rates. `pod`: the call is about one, so it may be gone midway too. */
  #menu(kinds: readonly FaultKind[], pod: boolean): Menu {
    const menus = pod ? this.#podMenus : this.#menus;
    const known = menus.get(kinds);
    if (known !== undefined) return known;
    const menu = menuOf(pod ? [...kinds, 'pod-gone-midway'] : kinds, this.#options.rates);
    menus.set(kinds, menu);
    return menu;
  }

  #latency(process: Process): number {
    return 1 + Math.floor(this.#options.chance.draw(`latency ${process.name}`) * 4);
  }
}

const menuOf = (kinds: readonly FaultKind[], rates: Rates): Menu => kinds.map((kind) => [kind, rates[kind]]);

/** One open watch. */
class Link {
  readonly arriving: Arriving;
  readonly #options: NetworkOptions;
  readonly #process: Process;
  readonly #actor: string;
  /** names of its streams of chance */
  readonly #faults: string;
  readonly #latencies: string;
  readonly #menu: Menu;
  readonly #all: Set<Link>;
  #running: { stop(): void } | null = null;
  #arrivesAt = 0;
  #open = true;

  constructor(options: NetworkOptions, process: Process, path: string, all: Set<Link>) {
    this.#options = options;
    this.#process = process;
    this.#actor = `${process.name} ${path.split('?')[0]!.split('/').at(-1)}`;
    this.#faults = `event ${this.#actor}`;
    this.#latencies = `event latency ${this.#actor}`;
    this.#menu = menuOf(EVENT, options.rates);
    this.#all = all;
    this.arriving = new Arriving(() => this.#close());
  }

  begin(body: Streamed): void {
    this.#all.add(this);
    this.#process.onEnd(() => this.#close());
    this.#running = body.start({ write: (piece) => this.#write(piece), end: () => this.#ended() });
    // it may have broken in its first piece
    if (!this.#open || this.#process.dead) this.#running.stop();
  }

  /** The connection is gone; what had not arrived never does. */
  break(after: number): void {
    if (!this.#open) return;
    this.#close();
    this.#options.trace.note(this.#actor, 'stream broken');
    this.#later(after, () => this.arriving.finish(new TransportError('broken', `watch of ${this.#actor}: broken`)));
  }

  #write(piece: string): void {
    if (!this.#open) return;
    const { chance } = this.#options;
    const fault = chance.fault<FaultKind>(this.#faults, this.#menu);
    const delay = 1 + Math.floor(chance.draw(this.#latencies) * 6);
    const bytes = Buffer.from(piece);
    const size = fault?.size ?? 0;
    const cutAt = (share: number): number => Math.max(0, Math.floor(share * bytes.length));
    if (fault?.kind === 'event-split') {
      this.#arrive(bytes.subarray(0, cutAt(size)), delay);
      this.#arrive(bytes.subarray(cutAt(size)), delay + Math.floor(size * 1_000));
    } else if (fault?.kind === 'stream-broken') {
      // half of them before the event, half of them inside it
      const cut = cutAt(size * 2 - 1);
      if (cut > 0) this.#arrive(bytes.subarray(0, cut), delay);
      this.break(delay);
    } else {
      const late =
        fault?.kind === 'event-delayed' ? size * size * 4_000 : fault?.kind === 'event-stalled' ? size * 30_000 : 0;
      this.#arrive(bytes, delay + Math.floor(late));
      if (fault?.kind === 'event-doubled') this.#arrive(bytes, delay);
    }
  }

  #arrive(bytes: Buffer, delay: number): void {
    this.#later(delay, () => {
      this.#options.trace.note(this.#actor, `${bytes.length} bytes`);
      this.arriving.push(bytes);
    });
  }

  /** Never before what was sent earlier. */
  #later(delay: number, run: () => void): void {
    const { time, stalledUntil } = this.#options;
    this.#arrivesAt = Math.max(this.#arrivesAt, time.now + delay, stalledUntil.get(this.#process.name) ?? 0);
    time.after(this.#arrivesAt - time.now, run, this.#process);
  }

  #ended(): void {
    this.#open = false;
    this.#all.delete(this);
    this.#later(0, () => this.arriving.finish(null));
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#all.delete(this);
    this.#running?.stop();
  }
}

function toApi(request: KubeRequest): ApiRequest {
  const { body } = request;
  return {
    method: request.method,
    path: request.path,
    contentType: request.contentType ?? 'application/json',
    body: body === undefined ? null : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
  };
}

/** Answers that are streamed only because they are long. Ends without a timer in between: worlds are small. */
function whole(streamed: Streamed): Promise<Buffer> {
  return new Promise((resolve) => {
    let text = '';
    streamed.start({
      write(piece) {
        text += piece;
      },
      end: () => resolve(Buffer.from(text)),
    });
  });
}

function refusalOf(fault: CallFault): KubeResponse | null {
  switch (fault?.kind) {
    case 'refused-409':
      return statusAnswer(409, null);
    case 'refused-429':
      return statusAnswer(429, 1 + Math.floor(fault.size * 3));
    case 'refused-500':
    case 'eviction-refused':
      return statusAnswer(500, null);
    default:
      return null;
  }
}

/** Path of the pod that a call is about; null when it is about none. */
const podPathOf = (path: string): string | null =>
  /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/?]+/.exec(path)?.[0] ?? null;

const REASONS: Record<number, string> = {
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
};

function statusAnswer(code: number, retryAfterSeconds: number | null): KubeResponse {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'simulated',
    reason: REASONS[code],
    code,
  };
  return { status: code, body: Buffer.from(JSON.stringify(status)), retryAfterSeconds };
}

async function* once(body: Buffer): AsyncGenerator<Buffer, void, void> {
  yield body;
}
