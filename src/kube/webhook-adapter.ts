/**
 * Calls admission webhooks, as an API server does: HTTPS with the configuration's own authorities, the certificate checked against
 * the Service's name where the webhook stands behind one. One pool per place and authority.
 */
import { Agent } from 'undici';

export type WebhookCallRequest = {
  readonly url: string;
  /** PEM in base64, as `caBundle`; '' : the machine's own authorities */
  readonly caBundle: string;
  /** the name the certificate must have; null: the host of the URL */
  readonly servername: string | null;
  readonly body: string;
  readonly timeoutMs: number;
};

/** pools of configurations that were changed since are closed when there are more */
const POOLS_AT_MOST = 32;
const LONGEST_ANSWER_BYTES = 16 * 1024 * 1024;

export class WebhookCaller {
  readonly #agents = new Map<string, Agent>();

  /** Rejects with what the network says; every HTTP status is an answer. */
  readonly call = async (request: WebhookCallRequest): Promise<{ status: number; body: Buffer }> => {
    const { origin, pathname, search, protocol } = new URL(request.url);
    if (protocol !== 'https:') throw new Error(`${origin}: webhooks are called by https only`);
    const answer = await this.#agent(request)
      .request({
        origin,
        path: `${pathname}${search}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'user-agent': 'muster-cluster' },
        body: request.body,
        signal: AbortSignal.timeout(request.timeoutMs),
      })
      .catch((error: unknown) => {
        const late = error instanceof Error && error.name === 'TimeoutError';
        throw late ? new Error('context deadline exceeded') : error;
      });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.body) {
      bytes += (chunk as Buffer).length;
      if (bytes > LONGEST_ANSWER_BYTES) throw new Error(`the answer is longer than ${LONGEST_ANSWER_BYTES} bytes`);
      chunks.push(chunk as Buffer);
    }
    return { status: answer.statusCode, body: Buffer.concat(chunks) };
  };

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
    this.#agents.clear();
  }

  #agent({ caBundle, servername }: WebhookCallRequest): Agent {
    const key = `${servername ?? ''} ${caBundle}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      const ca = caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64').toString() };
      agent = new Agent({ connect: { ...ca, ...(servername === null ? {} : { servername }) }, connections: 16 });
      this.#agents.set(key, agent);
      const [oldest] = this.#agents.keys();
      if (this.#agents.size > POOLS_AT_MOST && oldest !== undefined) {
        void this.#agents.get(oldest)?.close();
        this.#agents.delete(oldest);
      }
    }
    return agent;
  }
}
