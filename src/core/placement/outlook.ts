/**
 * What a policy with foresight knows of the cluster at one moment: what is typically asked, what each of that is worth, and
 * which leftovers of GPUs are common. Made anew by forecast.ts every few hundred arrivals and never changed then, but for the
 * costs of leftovers: they follow the cluster, and a score stands on those of the moment it was made.
 */
import type { Device } from '../gpu/device.ts';
import { type Lens, Typical } from './policies/typical.ts';

export class Outlook {
  readonly typical: Typical;
  readonly #weights: Float64Array | null;
  /** by free thousandths 0…1000: what one more GPU with that little left costs, in milli */
  readonly residue: Int32Array;
  readonly #byDevices = new WeakMap<readonly Device[], Lens>();
  /** nodes of one model and size share a lens */
  readonly #byKind = new Map<string, Lens>();

  /** `weights`: price per typical shape, null: all 0 */
  constructor(typical: Typical, weights: Float64Array | null, residue: Int32Array) {
    this.typical = typical;
    this.#weights = weights;
    this.residue = residue;
  }

  lens(devices: readonly Device[]): Lens {
    let lens = this.#byDevices.get(devices);
    if (lens === undefined) {
      const kind = devices.map((device) => device.model).join('|');
      lens = this.#byKind.get(kind) ?? this.typical.lens(devices, this.#weights);
      this.#byKind.set(kind, lens);
      this.#byDevices.set(devices, lens);
    }
    return lens;
  }
}

/** Nothing is known: all nodes look the same, the fixed order decides. */
export const BLIND = new Outlook(new Typical([]), null, new Int32Array(1001));
