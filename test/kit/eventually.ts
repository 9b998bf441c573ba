/** Waits for what happens on the real network or on another thread. */

/** Resolves when the condition holds; fails with its source after five seconds. */
export async function eventually(condition: () => boolean): Promise<void> {
  const until = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > until) throw new Error(`did not happen within 5 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
