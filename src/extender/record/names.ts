/** Offered node names ↔ slots: five thousand names are 100 KB in each request, their slots a tenth of that, in the same order. */
import type { OfferedNodes } from '../../cluster/decider.ts';
import { Offered } from '../../cluster/offered.ts';
import type { OfferedNames } from './format.ts';

/** up to so many the names are as short */
const FEW = 8;
const MOST_SLOTS = 65_535;

/** `current`: the version of the nodes whose slots were written last. Names that no node has are kept as they came. */
export function packNames(offered: OfferedNodes, current: number): OfferedNames {
  if (!(offered instanceof Offered) || offered.count <= FEW || offered.version !== current) return offered.names;
  const { slots } = offered;
  const packed = Buffer.alloc(2 * slots.length);
  for (let at = 0; at < slots.length; at++) {
    const slot = slots[at]!;
    if (slot < 0 || slot > MOST_SLOTS) return offered.names;
    packed.writeUInt16LE(slot, 2 * at);
  }
  return packed.toString('base64');
}

/** Throws RangeError for slots that were not written. */
export function unpackNames(names: OfferedNames, slots: readonly (string | null)[]): readonly string[] {
  if (typeof names !== 'string') return names;
  const packed = Buffer.from(names, 'base64');
  return Array.from({ length: packed.length / 2 }, (_, at) => {
    const name = slots[packed.readUInt16LE(2 * at)];
    if (typeof name !== 'string') throw new RangeError('an offer names a slot that nobody sits in');
    return name;
  });
}
