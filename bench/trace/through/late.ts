/** The way to an API and back on virtual time: every call and every event of a watch is under way for a moment, in order. */
import type { Transport } from '../../../src/kube/ports.ts';
import { Arriving } from '../../../src/sim/world/stream.ts';
import type { VirtualTime } from '../../../src/sim/world/time.ts';

/** ms, one way */
const UNDER_WAY_MS = 1;

export function late(inner: Transport, time: VirtualTime): Transport {
  const pass = (): Promise<void> => new Promise((resolve) => time.after(UNDER_WAY_MS, resolve));
  return {
    async request(request) {
      await pass();
      const answer = await inner.request(request);
      await pass();
      return answer;
    },
    async stream(request) {
      await pass();
      const { chunks, abort, ...head } = await inner.stream(request);
      const arriving = new Arriving(abort);
      const carry = async (): Promise<void> => {
        for await (const chunk of chunks) time.after(UNDER_WAY_MS, () => arriving.push(chunk));
        time.after(UNDER_WAY_MS, () => arriving.finish(null));
      };
      void carry();
      return { ...head, chunks: arriving, abort: () => arriving.abort() };
    },
    close: () => inner.close(),
  };
}
