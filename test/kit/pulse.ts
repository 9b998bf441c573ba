/** Feels the pulse of another process: how long its event loop made a tiny request wait, and how much memory it holds. */
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';

const EVERY_MS = 10;

export class Pulse {
  /** ms the slowest beat took since the last `worst()` */
  #worst = 0;
  #failed = 0;
  #beats = 0;
  #stopped = false;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #running: Promise<void>;

  /** `url`: a cheap one, e.g. /livez */
  constructor(url: string) {
    this.#running = this.#run(url);
  }

  /** Resolves after two more beats: the slowest beat since this was asked last, ms, and how many got no answer */
  async worst(): Promise<{ ms: number; failed: number }> {
    // the beat under way, and one that began after this call
    for (const until = this.#beats + 2; this.#beats < until && !this.#stopped; ) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const seen = { ms: Math.round(this.#worst), failed: this.#failed };
    this.#worst = 0;
    this.#failed = 0;
    return seen;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#agent.destroy();
  }

  async #run(url: string): Promise<void> {
    while (!this.#stopped) {
      // both processes may share one core with others: only what this one did not itself wait for counts
      const started = performance.now();
      let own = 0;
      let last = started;
      const lag = setInterval(() => {
        const now = performance.now();
        own += Math.max(0, now - last - 5);
        last = now;
      }, 5);
      const ok = await beat(url, this.#agent);
      clearInterval(lag);
      if (ok) this.#worst = Math.max(this.#worst, performance.now() - started - own);
      else this.#failed += 1;
      this.#beats += 1;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}

function beat(url: string, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get(url, { agent, timeout: 10_000 }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200));
      response.once('error', () => resolve(false));
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(false));
  });
}

/** MiB of memory that the process holds (Linux). */
export function residentMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1024);
}
