/** The controllers that every cluster needs for deletion and eviction to come to an end. */
import type { Controller, ControllerOptions } from './controller.ts';
import { startDisruptionController } from './disruption.ts';
import { startGarbageCollector } from './garbage-collector.ts';
import { startNamespaceController } from './namespaces.ts';

/** Garbage collector, namespaces, disruption budgets. Resolves when all of them work; what had started is stopped if one does not. */
export async function startStandardControllers(options: ControllerOptions): Promise<Controller> {
  const running: Controller[] = [];
  const stop = async (): Promise<void> => {
    for (const one of running.toReversed()) await one.stop();
  };
  try {
    for (const start of [startGarbageCollector, startNamespaceController, startDisruptionController])
      running.push(await start(options));
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
