/** The extender as `muster extender` runs it: informers, decode thread; watched for how long the event loop was held. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { readConfig } from '../src/extender/config.ts';
import { startExtender } from '../src/extender/start.ts';
import { nodeClock, nodeRng } from '../src/kube/node-adapter.ts';
import { connect } from '../src/kube/undici-adapter.ts';
import { DecodeThread } from '../src/kube/worker-decoder.ts';
import { answer, argument } from './child.ts';

const RESOLUTION_MS = 1;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let peakRss = 0;
const watching = setInterval(() => {
  peakRss = Math.max(peakRss, process.memoryUsage.rss());
}, 50);
const longestMs = (): number => {
  const longest = delay.max / 1e6 - RESOLUTION_MS;
  delay.reset();
  return Math.max(0, longest);
};

const transport = await connect({ server: argument<{ api: string }>().api, component: 'bench' });
const thread = new DecodeThread();
const config = readConfig({ leadership: 'always', holdSeconds: 5, listen: { port: 0 }, logLevel: 'silent' });
const extender = await startExtender(config, { transport, clock: nodeClock, rng: nodeRng, thread });
await extender.whenSynced;
const readySeconds = process.uptime();
while (!extender.deciding) await new Promise((resolve) => setTimeout(resolve, 10));
const syncBlockMs = longestMs();

answer(
  {
    url: () => extender.url,
    start: () => ({ readySeconds, syncBlockMs }),
    /** since the last question */
    since: () => {
      const report = {
        blockMs: longestMs(),
        rssMib: process.memoryUsage.rss() / 2 ** 20,
        peakRssMib: peakRss / 2 ** 20,
      };
      peakRss = 0;
      return report;
    },
  },
  async () => {
    clearInterval(watching);
    await extender.close();
    await thread.close();
    await transport.close();
  },
);
