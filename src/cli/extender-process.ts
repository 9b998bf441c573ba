/** What `muster extender` runs: the extender, and the webhook beside it, until SIGTERM or SIGINT; then it drains. */
import { hostname } from 'node:os';
import { readConfigFile } from '../extender/config.ts';
import { writeRecording } from '../extender/record/file.ts';
import { type Extender, startExtender } from '../extender/start.ts';
import { nodeClock, nodeRng } from '../kube/node-adapter.ts';
import { connect } from '../kube/undici-adapter.ts';
import { DecodeThread } from '../kube/worker-decoder.ts';
import { startWebhookBeside } from './webhook.ts';

/** beyond this a drain is given up; kubelet kills after terminationGracePeriodSeconds, 30 by default */
const DRAIN_MS = 20_000;

export type ExtenderOptions = { config: string; kubeconfig?: string; context?: string };

/** Resolves when it listens. Throws what the configuration, the kubeconfig or listening is refused with. */
export async function runExtender(version: string, options: ExtenderOptions): Promise<void> {
  const config = readConfigFile(options.config, { POD_NAME: process.env.POD_NAME ?? hostname() });
  const kubeconfig = options.kubeconfig ?? config.kubeconfig;
  const transport = await connect({
    component: 'extender',
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(options.context !== undefined && { context: options.context }),
  });
  const thread = new DecodeThread();
  let webhook: ReturnType<typeof startWebhookBeside> | null = null;
  const extender = await startExtender(config, {
    transport,
    clock: nodeClock,
    rng: nodeRng,
    thread,
    version,
    onDeciding: () => webhook?.onDeciding(),
  });
  process.stderr.write(`muster extender listens on ${extender.url}\n`);
  webhook = config.webhook.enabled ? startWebhookBeside(extender, config, transport, nodeClock) : null;
  // one at a time: they write the same file
  let saved = Promise.resolve();
  const save = (asked: boolean): Promise<void> => {
    saved = saved.then(() => saveRecording(extender, config.record?.file, asked));
    return saved;
  };
  let ending = false;
  const end = (status: number, why: string): void => {
    if (ending) return;
    ending = true;
    process.stderr.write(`muster extender ends: ${why}\n`);
    nodeClock.after(DRAIN_MS, () => process.exit(status || 1));
    void (async () => {
      try {
        await Promise.all([extender.close(), webhook?.close()]);
        await save(false);
        await thread.close();
        await transport.close();
      } finally {
        process.exit(status);
      }
    })();
  };
  process.on('SIGTERM', () => end(0, 'SIGTERM'));
  process.on('SIGINT', () => end(0, 'SIGINT'));
  process.on('SIGUSR2', () => void save(true));
  // Only a programming error comes here: what requests and the network do is caught where it happens. The books may be wrong
  // then, and they are rebuilt from the cluster by the next process; so drain what was promised, and end.
  const fault = (error: unknown): void => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    end(1, 'a programming error');
  };
  process.on('uncaughtException', fault);
  process.on('unhandledRejection', fault);
}

/** `asked`: somebody waits for it, so that it also says why nothing is written. Never rejects. */
async function saveRecording({ recorder }: Extender, file: string | undefined, asked: boolean): Promise<void> {
  const say = (text: string): void => void process.stderr.write(`muster extender: ${text}\n`);
  if (recorder === null || file === undefined) {
    if (asked) say('no recording is written: the configuration has no record.file');
    return;
  }
  try {
    await writeRecording(file, recorder.lines());
    say(`recording written to ${file}`);
  } catch (error) {
    say(`the recording cannot be written to ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
