/** Events live for an hour after they last happened: in a real cluster etcd lets them go. */
import type { Timer } from '../../kube/ports.ts';
import { arrayAt, type KubeObject, objectAt, textAt } from '../api/object.ts';
import { absentWhenGone, Calls } from './calls.ts';
import type { StartController } from './controller.ts';

const LIFE_MS = 3_600_000;
const LOOK_EVERY_MS = 300_000;
const PAGE = 500;

function lastSeen(event: KubeObject): number {
  const series = textAt(objectAt(event, 'series'), 'lastObservedTime');
  const times = [series, textAt(event, 'lastTimestamp'), textAt(event, 'eventTime'), event.metadata.creationTimestamp];
  return Date.parse(times.find((one) => one !== '') ?? '') || 0;
}

export const startEventExpiry: StartController = async (options) => {
  const calls = new Calls(options.transport);
  let stopped = false;
  let timer: Timer | null = null;
  let running: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    const before = options.clock.now() - LIFE_MS;
    let next = '';
    do {
      const list = await calls.call('GET', `/api/v1/events?limit=${PAGE}&continue=${encodeURIComponent(next)}`);
      for (const event of arrayAt(list, 'items') as KubeObject[]) {
        if (stopped) return;
        const { namespace, name } = event.metadata;
        if (lastSeen(event) < before)
          await absentWhenGone(calls.call('DELETE', `/api/v1/namespaces/${namespace}/events/${name}`));
      }
      next = textAt(list.metadata, 'continue');
    } while (next !== '' && !stopped);
  }

  function later(): void {
    timer = options.clock.after(LOOK_EVERY_MS, () => {
      running = look()
        .catch((error: unknown) => options.onError?.(error instanceof Error ? error : new Error(String(error))))
        .then(() => {
          if (!stopped) later();
        });
    });
  }

  later();
  return {
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
};
