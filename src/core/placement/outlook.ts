/**
 * What a policy with foresight knows of the cluster at one moment: what is typically asked, what each of that is worth, and
 * which leftovers of GPUs are common. Made anew by forecast.ts every few hundred arrivals and never changed then, but for the
 * costs of leftovers: they follow the cluster, and a score stands on those of the moment it was made.
 */
import type { DeviceLedger } from '../gpu/ledger.ts';
import { type Lens, Typical } from './policies/typical.ts';

export class Outlook {
  readonly typical: Typical;
  readonly #weights: Float64Array | null;
  /** by free thousandths 0…1000: what one more GPU with that little left costs, in milli */
  readonly residue: Int32Array;
  /** nodes of one model and size share a lens */
  readonly #byModels = new Map<string, Lens>();

  /** `weights`: price per typical shape, null: all 0 */
  constructor(typical: Typical, weights: Float64Array | null, residue: Int32Array) {
    this.typical = typical;
    this.#weights = weights;
    this.residue = residue;
  }

  lens({ models, devices }: DeviceLedger): Lens {
    let lens = this.#byModels.get(models);
    if (lens === undefined) {
      lens = this.typical.lens(devices, this.#weights);
      this.#byModels.set(models, lens);
    }
    return lens;
  }
}

/** Nothing is known: all nodes look the same, the fixed order decides. */
export const BLIND = new Outlook(new Typical([]), null, new Int32Array(1001));
