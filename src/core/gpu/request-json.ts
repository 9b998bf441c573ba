/**
 * The annotation `muster.dev/request`: the full form of a GpuRequest as JSON. People may write it by hand; the webhook writes
 * it after normalising any dialect. Names of containers stand for slots and roles, which come from the pod spec.
 */

import { z } from 'zod';
import { printable } from '../printable.ts';
import { decimalOfMilli, mibOfQuantity, milliOfDecimal } from './amounts.ts';
import { MAX_CONTAINERS, MAX_COUNT, MAX_MIB, MAX_TEXT } from './bounds.ts';
import {
  type ContainerNeed,
  type ContainerRole,
  type ContainerSlot,
  DEVICE_POLICIES,
  type GpuRequest,
  isWhole,
  NODE_POLICIES,
  type ShareNeed,
  type TextFilter,
  WHOLE_MILLI,
} from './request.ts';
import { bySlot } from './slots.ts';

/** A container of the pod spec, whether it wants GPUs or not. */
export type PodContainer = { readonly name: string; readonly slot: ContainerSlot; readonly role: ContainerRole };

export type RequestReading =
  | { readonly ok: true; readonly request: GpuRequest }
  /** names the container, the field and the remedy */
  | { readonly ok: false; readonly error: string };

const number = z.union([z.string().max(64), z.number()]);
const texts = z.array(z.string().trim().min(1).max(253)).max(64).default([]);
const form = z.strictObject({
  containers: z.record(
    z.string().max(253),
    z.strictObject({
      count: number.optional(),
      fraction: number.optional(),
      memory: number.optional(),
      memoryPercent: number.optional(),
      cores: number.optional(),
    }),
  ),
  models: texts,
  excludeModels: texts,
  uuids: texts,
  excludeUuids: texts,
  devicePolicy: z.enum(DEVICE_POLICIES).nullable().default(null),
  devicePolicyRequired: z.boolean().default(false),
  nodePolicy: z.enum(NODE_POLICIES).nullable().default(null),
});
type ContainerForm = z.infer<typeof form>['containers'][string];

/** The shortest text that decodes to the same request. */
export function encodeRequest(request: GpuRequest): string {
  const { models, uuids, devicePolicy, devicePolicyRequired, nodePolicy } = request;
  const list = (key: string, values: readonly string[]): Record<string, readonly string[]> =>
    values.length === 0 ? {} : { [key]: values };
  return JSON.stringify({
    containers: Object.fromEntries(request.containers.map((need) => [need.name, encodeNeed(need)])),
    ...list('models', models.allow),
    ...list('excludeModels', models.deny),
    ...list('uuids', uuids.allow),
    ...list('excludeUuids', uuids.deny),
    ...(devicePolicy === null ? {} : { devicePolicy }),
    ...(devicePolicyRequired ? { devicePolicyRequired } : {}),
    ...(nodePolicy === null ? {} : { nodePolicy }),
  });
}

function encodeNeed({ count, share }: ContainerNeed): ContainerForm {
  if (isWhole(share)) return { count };
  const { memory, milli } = share;
  if ('milli' in memory && memory.milli === milli) return { count, fraction: decimalOfMilli(milli) };
  const cores = milli === 0 ? {} : { cores: decimalOfMilli(milli * 100) };
  if ('mib' in memory) return { count, memory: memory.mib, ...cores };
  return { count, memoryPercent: decimalOfMilli(memory.milli * 100), ...cores };
}

/** `containers`: all of the pod, in any order. */
export function decodeRequest(text: string, containers: readonly PodContainer[]): RequestReading {
  if (text.length > MAX_TEXT) return { ok: false, error: `request is longer than ${MAX_TEXT} characters; write less` };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return {
      ok: false,
      error: 'request is not JSON; write an object like {"containers":{"<name>":{"fraction":"0.5"}}}',
    };
  }
  const parsed = form.safeParse(json);
  if (!parsed.success) return { ok: false, error: `request: ${firstIssue(parsed.error)}` };
  const { data } = parsed;

  const known = new Map(containers.map((container) => [container.name, container]));
  const needs: ContainerNeed[] = [];
  for (const [name, wanted] of Object.entries(data.containers)) {
    const container = known.get(name);
    if (container === undefined) {
      return { ok: false, error: `request: the pod has no container ${quote(name)}; name one of its containers` };
    }
    const need = readNeed(wanted);
    if (typeof need === 'string') return { ok: false, error: `request: container ${quote(name)}: ${need}` };
    needs.push({ name, slot: container.slot, role: container.role, ...need });
  }
  if (needs.length === 0) return { ok: false, error: 'request: containers is empty; name at least one' };
  if (needs.length > MAX_CONTAINERS) {
    return { ok: false, error: `request: more than ${MAX_CONTAINERS} containers; give GPUs to fewer of them` };
  }
  return {
    ok: true,
    request: {
      containers: needs.sort(bySlot),
      models: filter(data.models, data.excludeModels),
      uuids: filter(data.uuids, data.excludeUuids),
      devicePolicy: data.devicePolicy,
      devicePolicyRequired: data.devicePolicyRequired,
      nodePolicy: data.nodePolicy,
    },
  };
}

const filter = (allow: readonly string[], deny: readonly string[]): TextFilter => ({ allow, deny });

type Need = { readonly count: number; readonly share: ShareNeed };
const WHOLE: ShareNeed = { milli: WHOLE_MILLI, memory: { milli: WHOLE_MILLI } };

/** A text is what is wrong with it. */
function readNeed(form: ContainerForm): Need | string {
  const { count: countText, fraction, memory, memoryPercent, cores } = form;
  const count = countText === undefined ? 1 : wholeNumber(countText);
  if (count === null || count < 1 || count > MAX_COUNT) {
    return `count ${quote(countText)} must be a whole number of devices from 1 to ${MAX_COUNT}`;
  }
  if (fraction !== undefined) {
    const other = Object.entries({ memory, memoryPercent, cores }).find(([, value]) => value !== undefined);
    if (other !== undefined) {
      return `fraction ${quote(fraction)} and ${other[0]} ${quote(other[1])} contradict each other; keep one of them`;
    }
    return readFraction(fraction, countText === undefined ? null : count);
  }
  if (memory !== undefined && memoryPercent !== undefined) {
    return `memory ${quote(memory)} and memoryPercent ${quote(memoryPercent)} contradict each other; keep one of them`;
  }
  const milli = cores === undefined ? 0 : percent(cores);
  if (milli === null) return `cores ${quote(cores)} must be per cent of one device, more than 0 and at most 100`;
  if (memory !== undefined) {
    const mib = mibOfQuantity(memory);
    if (mib === null || mib < 1 || mib > MAX_MIB) {
      return `memory ${quote(memory)} must be MiB (8192) or a quantity (8Gi) from 1 MiB to ${MAX_MIB} MiB`;
    }
    return { count, share: { milli, memory: { mib } } };
  }
  if (memoryPercent !== undefined) {
    const memoryMilli = percent(memoryPercent);
    if (memoryMilli === null) {
      return `memoryPercent ${quote(memoryPercent)} must be per cent of one device, at least 0.1 and at most 100`;
    }
    return { count, share: { milli, memory: { milli: memoryMilli } } };
  }
  if (cores !== undefined) return { count, share: { milli, memory: WHOLE.memory } };
  if (countText === undefined) return 'asks for nothing; set count, fraction, memory, memoryPercent or cores';
  return { count, share: WHOLE };
}

/** `count` null: not written, then a whole number as fraction counts devices. */
function readFraction(fraction: string | number, count: number | null): Need | string {
  const milli = milliOfDecimal(fraction);
  if (milli === null) return `fraction ${quote(fraction)} is not a decimal number; write one like 0.5`;
  if (milli === 0) return `fraction ${quote(fraction)} must be at least 0.001; ask for a larger share`;
  if (milli <= WHOLE_MILLI && (milli < WHOLE_MILLI || isExact(fraction))) {
    return { count: count ?? 1, share: { milli, memory: { milli } } };
  }
  const devices = milli / WHOLE_MILLI;
  if (count === null && isExact(fraction) && Number.isInteger(devices) && devices <= MAX_COUNT) {
    return { count: devices, share: WHOLE };
  }
  return `fraction ${quote(fraction)} is more than one device; write count for several devices with a share of each`;
}

/** No digits but zeros behind the third decimal place: 1.0001 is not 1. */
const isExact = (value: string | number): boolean => !/\.\d{3}\d*[1-9]/.test(String(value));

function wholeNumber(value: string | number): number | null {
  return /^\d{1,9}$/.test(String(value).trim()) ? Number(value) : null;
}

/** Per cent to milli: 30.5 → 305; null unless from 0.1 to 100. */
function percent(value: string | number): number | null {
  const thousandths = milliOfDecimal(value);
  if (thousandths === null || thousandths > 100_000 || (thousandths === 100_000 && !isExact(value))) return null;
  const milli = Math.floor(thousandths / 100);
  return milli < 1 ? null : milli;
}

/** Short, on one line, whatever the user wrote. */
const quote = (value: unknown): string => printable(JSON.stringify(String(value).slice(0, 64)));

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'not understood';
  const [first, second, ...rest] = issue.path.map(String);
  const where =
    first === 'containers' && second !== undefined
      ? `container ${quote(second)}${rest.length > 0 ? `: ${rest.join('.')}` : ''}`
      : issue.path.map(String).join('.');
  // zod quotes unknown keys as they are
  return printable(`${where === '' ? '' : `${where}: `}${issue.message}`.slice(0, 300));
}
