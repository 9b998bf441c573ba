/** One HTTP call with headers both ways, for contract cases that look at what `Transport` does not show: Accept and Warning. */
import { Agent, request } from 'undici';
import type { KubeObject } from '../../src/sim/api/object.ts';

export type ServerAddress = {
  readonly url: string;
  readonly ca?: string;
  readonly token?: string;
  close(): Promise<void>;
};

export type WireAnswer = { status: number; contentType: string; warnings: string[]; body: KubeObject; text: string };

export type CallOptions = { body?: unknown; accept?: string; contentType?: string };

export class Wire {
  readonly #server: ServerAddress;
  readonly #agent: Agent;

  constructor(server: ServerAddress) {
    this.#server = server;
    this.#agent = new Agent({ connect: server.ca === undefined ? {} : { ca: server.ca } });
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<WireAnswer> {
    const { body, accept = 'application/json', contentType = 'application/json' } = options;
    const answer = await request(`${this.#server.url}${path}`, {
      method: method as 'GET',
      dispatcher: this.#agent,
      headers: {
        accept,
        ...(this.#server.token === undefined ? {} : { authorization: `Bearer ${this.#server.token}` }),
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    const { warning } = answer.headers;
    const parsed: unknown = text.startsWith('{') && !text.includes('}\n{') ? JSON.parse(text) : {};
    return {
      status: answer.statusCode,
      contentType: String(answer.headers['content-type']),
      // several headers of one name may come as one line
      warnings: [warning ?? []].flat().flatMap((line) => line.split(/, (?=299 )/)),
      body: parsed as KubeObject,
      text,
    };
  }

  /** Like `call`, but fails the test when the answer is not a success. */
  async must(method: string, path: string, options: CallOptions = {}): Promise<KubeObject> {
    const answer = await this.call(method, path, options);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
    return answer.body;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
    await this.#server.close();
  }
}
