/** Where the certificate comes from that the webhook serves: looked after in rounds, often until there is one. */
import type { Clock } from '../kube/ports.ts';
import { Rounds } from './rounds.ts';
import { CertificateSlot } from './serving-certificates.ts';

const EAGER_MS = 2_000;

export abstract class CertificateSource {
  readonly serving = new CertificateSlot();
  readonly #rounds: Rounds;

  /** `roundMs`: the pause between rounds once there is a certificate. `onError` hears of each round that throws; what was served before stays. */
  constructor(clock: Clock, roundMs: number, onError: (error: unknown) => void) {
    this.#rounds = new Rounds({
      clock,
      round: () => this.round(),
      pauseMs: () => (this.serving.current === null ? EAGER_MS : roundMs),
      onError,
    });
  }

  /** One pass: what is found is put into `serving`. */
  abstract round(): Promise<void>;

  /** Starts the rounds; `serving.first()` tells when there is a certificate. */
  start(): void {
    void this.#rounds.start();
  }

  /** The next round begins now. */
  soon(): void {
    this.#rounds.soon();
  }

  stop(): void {
    this.#rounds.stop();
    this.serving.close();
  }
}
