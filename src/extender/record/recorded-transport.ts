/**
 * The transport, whose calls about one object are written down: Bindings, patches, reads of a pod, with their outcome. Lists and
 * watches are not: what came of them is told by the informers. Of bodies that came back only where the pod is bound is kept.
 */
import { TransportError } from '../../kube/errors.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../kube/ports.ts';
import type { Recorder } from './recorder.ts';

const POD = /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/?]+(?:\/binding|\/status)?(?:\?|$)/;
const NODE = /^\/api\/v1\/nodes\/[^/?]+(?:\/status)?(?:\?|$)/;

export function recordedTransport(real: Transport, recorder: Recorder): Transport {
  /** binds that look at their pod next, by its path */
  const conflicts = new Map<string, number>();
  /** Its Bindings are a bind's, and the read that follows on a conflict. Others patch and read the same pod meanwhile. */
  const bindOf = (request: KubeRequest): number | undefined => {
    const path = podOf(request);
    if (request.method === 'POST') return recorder.bindOf(path, (request.body as Binding).metadata?.uid ?? '');
    const bind = request.method === 'GET' ? conflicts.get(path) : undefined;
    if (bind !== undefined) conflicts.delete(path);
    return bind;
  };
  return {
    async request(request) {
      if (!POD.test(request.path) && !(NODE.test(request.path) && request.method !== 'GET'))
        return await real.request(request);
      const call = recorder.nextId();
      const { method, body } = request;
      const bind = bindOf(request);
      // a nudge says nothing but the time
      const kept = POD.test(request.path) && method === 'PATCH' ? undefined : body;
      recorder.note({
        call,
        method,
        path: pathOf(request),
        ...(bind !== undefined && { bind }),
        ...(kept !== undefined && { body: kept }),
      });
      try {
        const response = await real.request(request);
        if (bind !== undefined && method === 'POST' && response.status === 409) conflicts.set(podOf(request), bind);
        recorder.note({
          called: call,
          status: response.status,
          ...(response.retryAfterSeconds !== null && { retryAfter: response.retryAfterSeconds }),
          ...(method === 'GET' && { body: seenOf(response) }),
        });
        return response;
      } catch (error) {
        recorder.note({ called: call, status: 0, why: error instanceof TransportError ? error.code : 'error' });
        throw error;
      }
    },
    stream: (request) => real.stream(request),
    close: () => real.close(),
  };
}

type Binding = { readonly metadata?: { readonly uid?: string } };

const podOf = (request: KubeRequest): string => pathOf(request).replace(/\/(binding|status)$/, '');

/** without the query: it holds what is left of the deadline */
const pathOf = ({ path }: KubeRequest): string => path.split('?')[0]!;

function seenOf({ status, body }: KubeResponse): unknown {
  if (status !== 200) return undefined;
  try {
    const { metadata, spec } = JSON.parse(body.toString('utf8')) as {
      metadata?: { uid?: unknown };
      spec?: { nodeName?: unknown };
    };
    return { metadata: { uid: metadata?.uid }, spec: { nodeName: spec?.nodeName } };
  } catch {
    return undefined;
  }
}
