/**
 * Self-made certificates, shared by all replicas through one Secret. Whoever comes first creates it; only the deciding
 * extender moves it on (certificate-state.ts says how) and publishes the caBundle; all others read. Every write carries the
 * resourceVersion it saw, so a deposed one's late write is refused. Keys go into the Secret and the TLS context, nowhere else.
 */
import type { Clock, KubeResponse, Transport } from '../kube/ports.ts';
import { readStatus } from '../kube/status-error.ts';
import { publishBundle } from './ca-bundle.ts';
import { CertificateSource } from './certificate-source.ts';
import {
  bundleOf,
  type CertificateState,
  decodeState,
  dueStep,
  encodeState,
  makeState,
  take,
} from './certificate-state.ts';
import { AdmissionError } from './errors.ts';
import { bagOf, fieldOf } from './json-value.ts';

export type SelfMadeOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly namespace: string;
  readonly secretName: string;
  /** names and IP addresses to serve; `<service>.<namespace>.svc` is what the API server asks for */
  readonly hosts: readonly string[];
  /** name of the MutatingWebhookConfiguration */
  readonly configuration: string;
  /** this process is the one that decides now */
  readonly deciding: () => boolean;
  /** each failed round; it is tried again */
  readonly onError: (error: unknown) => void;
};

/**
 * Where API servers may reach the webhook: by its Service, and by the very address it listens on (a webhook registered by URL,
 * as on a control plane without Services). Addresses that mean "all" are no place.
 */
export function webhookHosts(at: { service: string; namespace: string; host: string }): readonly string[] {
  const service = `${at.service}.${at.namespace}.svc`;
  return ['', '::', '0.0.0.0'].includes(at.host) ? [service] : [service, at.host];
}

const TIMEOUT_MS = 10_000;
/** one small read per replica; a deciding one also reads the webhook configuration */
const ROUND_MS = 15_000;

type Stored = { readonly state: CertificateState | null; readonly resourceVersion: string };

export class SelfMadeCertificates extends CertificateSource {
  readonly #options: SelfMadeOptions;

  constructor(options: SelfMadeOptions) {
    super(options.clock, ROUND_MS, options.onError);
    this.#options = options;
  }

  /** One pass: read or create, serve, and where this process decides, publish and take at most one step. Throws. */
  override async round(): Promise<void> {
    const { clock, deciding, hosts } = this.#options;
    const stored = (await this.#read()) ?? (await this.#create());
    let { state, resourceVersion } = stored;
    if (state === null) {
      const { secretName } = this.#options;
      if (!deciding())
        throw new AdmissionError(
          'certificates',
          `Secret ${secretName} is not usable; the deciding extender replaces it`,
        );
      state = await makeState(hosts, clock.now());
      resourceVersion = await this.#replace(state, resourceVersion);
    }
    this.serving.put(state.serving);
    if (deciding()) await this.#moveOn(state, resourceVersion);
  }

  async #moveOn(state: CertificateState, resourceVersion: string): Promise<void> {
    const { clock, hosts } = this.#options;
    const failure = await this.#publish(state);
    const step = dueStep(state, clock.now(), failure === null);
    if (step !== null) {
      const moved = await take(step, state, hosts, clock.now());
      await this.#replace(moved, resourceVersion);
      this.serving.put(moved.serving);
      await this.#publish(moved);
    }
    if (failure !== null) throw failure;
  }

  /** What went wrong, or null: certificates must be renewed also while the configuration is missing. */
  async #publish(state: CertificateState): Promise<unknown> {
    try {
      await publishBundle(this.#options.transport, this.#options.configuration, bundleOf(state));
      return null;
    } catch (error) {
      return error;
    }
  }

  get #collection(): string {
    return `/api/v1/namespaces/${this.#options.namespace}/secrets`;
  }

  get #path(): string {
    return `${this.#collection}/${this.#options.secretName}`;
  }

  async #read(): Promise<Stored | null> {
    const response = await this.#options.transport.request({ method: 'GET', path: this.#path, timeoutMs: TIMEOUT_MS });
    if (response.status === 404) return null;
    if (response.status !== 200) throw this.#refused('read', response);
    const secret: unknown = JSON.parse(response.body.toString('utf8'));
    const { hosts, clock } = this.#options;
    return {
      state: decodeState(bagOf(fieldOf(secret, 'data')), hosts, clock.now()),
      resourceVersion: resourceVersionOf(secret),
    };
  }

  async #create(): Promise<Stored> {
    const state = await makeState(this.#options.hosts, this.#options.clock.now());
    const response = await this.#options.transport.request({
      method: 'POST',
      path: this.#collection,
      body: this.#secret(state, null),
      timeoutMs: TIMEOUT_MS,
    });
    if (response.status === 201)
      return { state, resourceVersion: resourceVersionOf(JSON.parse(response.body.toString('utf8'))) };
    const winner = response.status === 409 ? await this.#read() : null;
    if (winner === null) throw this.#refused('create', response);
    return winner;
  }

  /** The new resourceVersion. */
  async #replace(state: CertificateState, resourceVersion: string): Promise<string> {
    const response = await this.#options.transport.request({
      method: 'PUT',
      path: this.#path,
      body: this.#secret(state, resourceVersion),
      timeoutMs: TIMEOUT_MS,
    });
    if (response.status !== 200) throw this.#refused('write', response);
    return resourceVersionOf(JSON.parse(response.body.toString('utf8')));
  }

  #secret(state: CertificateState, resourceVersion: string | null): object {
    const { namespace, secretName: name } = this.#options;
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name, ...(resourceVersion !== null && { resourceVersion }) },
      type: 'Opaque',
      data: encodeState(state),
    };
  }

  #refused(what: string, response: KubeResponse): AdmissionError {
    const { namespace, secretName } = this.#options;
    return new AdmissionError(
      'api',
      `cannot ${what} Secret ${namespace}/${secretName}: ${readStatus(response).message}`,
    );
  }
}

function resourceVersionOf(object: unknown): string {
  const version = fieldOf(fieldOf(object, 'metadata'), 'resourceVersion');
  return typeof version === 'string' ? version : '';
}
