/**
 * The node annotation `muster.dev/devices`, written by our node agent:
 * `[{"uuid","index","mib","model","numa","links":[…],"healthy"}]`. index and mib are required, the rest has defaults.
 */
import { NODE_DEVICES } from '../../core/names.ts';
import { own } from '../projection/shapes.ts';
import { checkDevices, type ListedDevice, MAX_DEVICES } from './device-list.ts';
import { ABSENT, fault, type SourceReading } from './reading.ts';

/** all annotations of an object together hold no more */
const MAX_TEXT = 256 * 1024;

export function readAnnotation(node: string, text: string | null): SourceReading {
  if (text === null) return ABSENT;
  const where = `annotation ${NODE_DEVICES} of node ${node}`;
  const remedy = 'let the node agent write it anew or remove the annotation';
  const unusable = (what: string): SourceReading => ({
    kind: 'unusable',
    fault: fault('inventory-malformed', `${where}: ${what}; ${remedy}`),
  });
  if (text.length > MAX_TEXT) return unusable(`longer than ${MAX_TEXT} characters`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return unusable('not JSON');
  }
  if (!Array.isArray(json)) return unusable('not a list of devices');
  if (json.length > MAX_DEVICES) return unusable(`${json.length} devices, at most ${MAX_DEVICES} are served`);
  return checkDevices({ where, remedy }, json.map(listed));
}

const listed = (item: unknown, position: number): ListedDevice => ({
  at: `[${position}]`,
  uuid: own(item, 'uuid') ?? null,
  index: own(item, 'index'),
  mib: own(item, 'mib'),
  model: own(item, 'model') ?? '',
  numa: own(item, 'numa') ?? null,
  links: own(item, 'links') ?? [],
  healthy: own(item, 'healthy') ?? true,
});
