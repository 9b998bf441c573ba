/** Checks a list of GPUs that somebody wrote, and brings it into the order of indices. All or nothing: one bad entry spoils the list. */
import type { Device } from '../../core/gpu/device.ts';
import { fault, type SourceReading } from './reading.ts';

export const MAX_DEVICES = 64;
const MAX_INDEX = 1023;
/** 16 TiB */
const MAX_MIB = 2 ** 24;
const MAX_LINK = 1_000_000;
const MAX_MODEL = 256;
/** No comma and no blank: uuids are joined by commas in a container's environment. */
const UUID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

/** One device as its source wrote it; `at` names it in reports, e.g. `[3]`. Unchecked. */
export type ListedDevice = { readonly [Key in keyof Device]: unknown } & { readonly at: string };

export type ListSource = {
  /** the object and field, e.g. `annotation muster.dev/devices of node a` */
  readonly where: string;
  /** what to do about a bad entry */
  readonly remedy: string;
};

export function checkDevices(source: ListSource, listed: readonly ListedDevice[]): SourceReading {
  const bad = (at: string, what: string): SourceReading => ({
    kind: 'unusable',
    fault: fault('inventory-malformed', `${source.where}${at === '' ? '' : `, ${at}`}: ${what}; ${source.remedy}`),
  });
  if (listed.length > MAX_DEVICES) return bad('', `${listed.length} devices, at most ${MAX_DEVICES} are served`);
  const devices: Device[] = [];
  const uuids = new Set<string>();
  const indices = new Set<number>();
  for (const entry of listed) {
    const device = checkDevice(entry, listed.length);
    if (typeof device === 'string') return bad(entry.at, device);
    if (device.uuid !== null && uuids.has(device.uuid)) return bad(entry.at, `uuid ${device.uuid} appears twice`);
    if (indices.has(device.index)) return bad(entry.at, `index ${device.index} appears twice`);
    if (device.uuid !== null) uuids.add(device.uuid);
    indices.add(device.index);
    devices.push(device);
  }
  return { kind: 'devices', devices: sortByIndex(devices) };
}

/** A text: what is wrong with it. */
function checkDevice({ uuid, index, mib, model, numa, links, healthy }: ListedDevice, count: number): Device | string {
  if (uuid !== null && (typeof uuid !== 'string' || !UUID.test(uuid))) return 'uuid is not a device uuid';
  if (!isInteger(index, 0, MAX_INDEX)) return `index must be an integer from 0 to ${MAX_INDEX}`;
  if (!isInteger(mib, 1, MAX_MIB)) return `memory must be an integer from 1 to ${MAX_MIB} MiB`;
  if (typeof model !== 'string' || model.length > MAX_MODEL)
    return `model must be a text of at most ${MAX_MODEL} characters`;
  if (numa !== null && !isInteger(numa, 0, MAX_INDEX)) return `numa must be null or an integer from 0 to ${MAX_INDEX}`;
  if (typeof healthy !== 'boolean') return 'healthy must be true or false';
  if (!Array.isArray(links) || (links.length !== 0 && links.length !== count)) {
    return `links must be empty or hold one weight for each of the ${count} devices`;
  }
  if (!links.every((link): link is number => isInteger(link, 0, MAX_LINK))) {
    return `links must be integers from 0 to ${MAX_LINK}`;
  }
  return { uuid, index, mib, model, numa, links, healthy };
}

/** Links speak of positions in the list, so they move with it. */
function sortByIndex(devices: readonly Device[]): readonly Device[] {
  const order = devices.map((_, position) => position).sort((a, b) => devices[a]!.index - devices[b]!.index);
  if (order.every((from, to) => from === to)) return devices;
  return order.map((from) => {
    const device = devices[from]!;
    return device.links.length === 0 ? device : { ...device, links: order.map((other) => device.links[other]!) };
  });
}

const isInteger = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && !Object.is(value, -0) && value >= least && value <= most;
