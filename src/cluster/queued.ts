/** What waits in kube-scheduler's queue and was not looked at yet, as one sum: pods without node, gate, hold or refusal. */
export class Queued {
  readonly #milliByUid = new Map<string, number>();
  #milli = 0;

  /** thousandths of GPUs that they take together */
  get milli(): number {
    return this.#milli;
  }

  get pods(): number {
    return this.#milliByUid.size;
  }

  milliOf(uid: string): number {
    return this.#milliByUid.get(uid) ?? 0;
  }

  /** 0: it does not wait there. */
  set(uid: string, milli: number): void {
    this.#milli += milli - (this.#milliByUid.get(uid) ?? 0);
    if (milli === 0) this.#milliByUid.delete(uid);
    else this.#milliByUid.set(uid, milli);
  }
}
