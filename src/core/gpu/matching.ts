/** Which devices a request may use at all: model and uuid filters. */
import type { Device } from './device.ts';
import type { GpuRequest, TextFilter } from './request.ts';

export const isFiltered = (request: GpuRequest): boolean => !isOpen(request.models) || !isOpen(request.uuids);

const isOpen = (filter: TextFilter): boolean => filter.allow.length === 0 && filter.deny.length === 0;

/** A device whose model (uuid) is unknown passes only where no model (uuid) is asked for. Health is not looked at. */
export function matches(request: GpuRequest, device: Device): boolean {
  return (
    (isOpen(request.models) || modelPasses(request.models, device.model)) && uuidPasses(request.uuids, device.uuid)
  );
}

/** A cluster has a handful of models and asks for each thousands of times: verdict per filter object and model. */
const verdicts = new WeakMap<TextFilter, Map<string, boolean>>();

export function modelPasses(filter: TextFilter, model: string): boolean {
  let known = verdicts.get(filter);
  if (known === undefined) {
    known = new Map();
    verdicts.set(filter, known);
  }
  let passes = known.get(model);
  if (passes === undefined) {
    const text = model.toLowerCase();
    const contained = (part: string): boolean => text.includes(part.toLowerCase());
    passes = (filter.allow.length === 0 || filter.allow.some(contained)) && !filter.deny.some(contained);
    known.set(model, passes);
  }
  return passes;
}

function uuidPasses(filter: TextFilter, uuid: string | null): boolean {
  if (uuid === null) return filter.allow.length === 0;
  return (filter.allow.length === 0 || filter.allow.includes(uuid)) && !filter.deny.includes(uuid);
}
