/** The extender entries of the configuration that we ship for a kube-scheduler of our own (deploy/30-config.yaml). */
import type { Transport } from '../../kube/ports.ts';
import type { ExtenderConfig } from './extender.ts';

/** Both call the one extender behind `transport`. `prefix`: path before the verb, without a slash at its end. */
export function shippedExtenders(transport: Transport, prefix = ''): readonly ExtenderConfig[] {
  const shared = { transport, prefix, nodeCacheCapable: true, ignorable: false };
  return [
    {
      ...shared,
      name: 'decisions',
      filterVerb: 'filter',
      prioritizeVerb: 'prioritize',
      preemptVerb: 'preempt',
      weight: 3,
      httpTimeoutMs: 3_000,
    },
    { ...shared, name: 'bind', bindVerb: 'bind', httpTimeoutMs: 60_000 },
  ];
}
