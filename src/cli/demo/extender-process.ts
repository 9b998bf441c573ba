/** The demo's seam to the real extender: started as the command `extender` starts it, on a free loopback port. */

import { readConfig } from '../../extender/config.ts';
import { startExtender } from '../../extender/start.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import { connect } from '../../kube/undici-adapter.ts';

export type RunningExtender = {
  /** `http://127.0.0.1:port`, its four verbs below it */
  readonly url: string;
  close(): Promise<void>;
};

/** @param apiServer plain http on loopback */
export type StartExtender = (apiServer: string) => Promise<RunningExtender>;

const CALL_DEADLINE_MS = 500;
const POLL_MS = 20;

/** Resolves when the extender has seen the whole cluster and decides. */
export const startDemoExtender: StartExtender = async (apiServer) => {
  const transport = await connect({ server: apiServer, component: 'extender' });
  // one scheduler without leader election; the API is on this machine, so calls of a former life are over soon
  const config = readConfig({ listen: { port: 0 }, leadership: 'always', callDeadlineMs: CALL_DEADLINE_MS });
  const extender = await startExtender(config, { transport, clock: nodeClock, rng: nodeRng, log: { write() {} } });
  await extender.whenSynced;
  while (!extender.deciding) await new Promise<void>((resolve) => nodeClock.after(POLL_MS, resolve));
  return {
    url: extender.url,
    async close() {
      await extender.close();
      await transport.close();
    },
  };
};
