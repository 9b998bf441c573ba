/** What people and machines ask about the extender: /livez, /readyz, /metrics, and on the main port /explain. */
import type { FastifyInstance } from 'fastify';
import type { Oddity } from '../cluster/condition.ts';
import type { Decider } from '../cluster/decider.ts';
import { explainPod, explanationText } from './explanation.ts';
import { explainGang, gangText } from './gang-explanation.ts';

/** a namespace is a DNS label, a pod's name a DNS subdomain */
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const LONGEST_NAME = 63 + 1 + 253;

export type ObserveOptions = {
  readonly synced: () => boolean;
  /** what last went wrong while the cluster was read, a line for each kind of object */
  readonly readingProblems: () => readonly string[];
  readonly draining: () => boolean;
  /** what hangs, null while nothing does */
  readonly stuck: () => string | null;
  readonly leadership: () => string;
  readonly oddities: () => readonly Oddity[];
  readonly metrics: () => Promise<string>;
  readonly metricsType: string;
};

export function addObserve(app: FastifyInstance, options: ObserveOptions): void {
  // That an answer comes at all says that the event loop turns: decisions are synchronous, a stuck one would keep this waiting.
  app.get('/livez', async (_request, reply) => {
    const stuck = options.stuck();
    return await reply
      .code(stuck === null ? 200 : 503)
      .type('text/plain')
      .send(`${stuck ?? 'ok'}\n`);
  });
  app.get('/readyz', async (request, reply) => {
    const why = options.draining() ? 'draining' : options.synced() ? null : 'not synced yet';
    const verbose = 'verbose' in (request.query as object);
    const odd = verbose ? options.oddities().map(({ kind, node, detail }) => `${kind}: node ${node}: ${detail}\n`) : [];
    return await reply
      .code(why === null ? 200 : 503)
      .type('text/plain')
      .send(`${why ?? 'ok'}\n${options.leadership()}\n${options.synced() ? '' : problemLines(options)}${odd.join('')}`);
  });
  app.get('/metrics', async (_request, reply) => {
    // fastify adds its own charset to types without one; the exposition format names it
    return await reply.header('content-type', options.metricsType).send(await options.metrics());
  });
}

/** Whoever waits for an extender to sync sees here what it waits for: no connection, no permission. */
const problemLines = ({ readingProblems }: Pick<ObserveOptions, 'readingProblems'>): string =>
  readingProblems()
    .map((problem) => `${problem}\n`)
    .join('');

/** On the main port: what pods ask for is not for everybody who may scrape. */
export function addExplain(
  app: FastifyInstance,
  { decider, deciding }: { readonly decider: Pick<Decider, 'explain' | 'explainGang'>; deciding(): boolean },
  observe: Pick<ObserveOptions, 'synced' | 'readingProblems'>,
): void {
  app.get('/explain', async (request, reply) => {
    const { pod, gang, output } = request.query as { pod?: unknown; gang?: unknown; output?: unknown };
    const say = (status: number, text: string) => reply.code(status).type('text/plain').send(text);
    const asked = pod ?? gang;
    const [namespace, name, ...rest] =
      typeof asked === 'string' && asked.length <= LONGEST_NAME ? asked.split('/') : [];
    // what is no name of Kubernetes is not repeated: the answer is read in terminals
    if (!NAME.test(namespace ?? '') || !NAME.test(name ?? '') || rest.length > 0 || (pod ?? null) === (gang ?? null)) {
      return await say(400, 'usage: /explain?pod=<namespace>/<name>[&output=json], or gang= in place of pod=\n');
    }
    if (!observe.synced()) return await say(503, `not synced yet\n${problemLines(observe)}`);
    const json = output === 'json' || (request.headers.accept ?? '').includes('application/json');
    const most = Number.POSITIVE_INFINITY;
    if (pod === undefined) {
      const explanation = explainGang(decider, deciding(), `${namespace}/${name}`);
      if (explanation === null) return await say(404, `gang ${namespace}/${name} is not known\n`);
      return json ? await reply.send(explanation) : await say(200, gangText(explanation, most));
    }
    const explanation = explainPod(decider, deciding(), namespace!, name!);
    if (explanation === null) return await say(404, `pod ${namespace}/${name} is not known\n`);
    return json ? await reply.send(explanation) : await say(200, explanationText(explanation, most));
  });
}
