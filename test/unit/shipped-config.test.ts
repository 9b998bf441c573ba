import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../src/extender/config.ts';
import type { Transport } from '../../src/kube/ports.ts';
import { shippedExtenders } from '../../src/sim/scheduler/shipped-extenders.ts';

const read = (file: string): string => readFileSync(join(import.meta.dirname, '..', '..', 'deploy', file), 'utf8');
const shipped: [string, () => string, { namespace: string; name: string }][] = [
  [
    'beside its own scheduler',
    () => read('config/muster.yaml'),
    { namespace: 'muster-system', name: 'muster-scheduler' },
  ],
  [
    'for a second profile',
    () => {
      const [map] = parseAllDocuments(read('second-profile/extender.yaml'));
      return (map!.toJS() as { data: Record<string, string> }).data['muster.yaml'] ?? '';
    },
    { namespace: 'kube-system', name: 'kube-scheduler' },
  ],
];

it.each(shipped)('the shipped configuration %s is one that the extender accepts', (_, text, lease) => {
  const config = readConfig(parse(text()), { POD_NAME: 'muster-scheduler-0' });
  expect(config).toMatchObject({
    leadership: 'lease',
    lease,
    schedulerIdentity: 'muster-scheduler-0',
    health: { enabled: true, port: 8086 },
    webhook: { enabled: true, certificates: { kind: 'self-made', secret: 'muster-webhook-certs' } },
  });
});

it('the extenders of the embedded scheduler are those of the configuration that is shipped', () => {
  const text = parse(read('30-config.yaml')).data['scheduler.yaml'] as string;
  const { extenders } = parse(text) as { extenders: Record<string, unknown>[] };
  const ours = shippedExtenders({} as Transport).map(
    ({ transport: _, prefix: __, name: ___, httpTimeoutMs, ...entry }) => ({
      ...entry,
      httpTimeout: `${httpTimeoutMs / 1000}s`,
    }),
  );
  expect(extenders.map(({ urlPrefix: _, ...entry }) => entry)).toEqual(ours);
});
