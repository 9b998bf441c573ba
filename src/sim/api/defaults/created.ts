/** What the server decides once, when an object is made: first status, generation, addresses of services, selectors of jobs. */
import { invalid } from '../errors.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../object.ts';
import { groupVersion, type Resource } from '../resources.ts';
import type { Store } from '../store.ts';

/** built-in kinds whose changes are not counted */
const WITHOUT_GENERATION: ReadonlySet<string> = new Set([
  'v1/ConfigMap',
  'v1/Endpoints',
  'v1/Event',
  'v1/LimitRange',
  'v1/Namespace',
  'v1/Node',
  'v1/PersistentVolume',
  'v1/PersistentVolumeClaim',
  'v1/ResourceQuota',
  'v1/Secret',
  'v1/Service',
  'v1/ServiceAccount',
  'apps/v1/ControllerRevision',
  'coordination.k8s.io/v1/Lease',
  'events.k8s.io/v1/Event',
  'node.k8s.io/v1/RuntimeClass',
  'rbac.authorization.k8s.io/v1/ClusterRole',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding',
  'rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding',
  'resource.k8s.io/v1/ResourceClaim',
  'storage.k8s.io/v1/CSIDriver',
  'storage.k8s.io/v1/CSINode',
  'storage.k8s.io/v1/CSIStorageCapacity',
  'storage.k8s.io/v1/StorageClass',
  'storage.k8s.io/v1/VolumeAttachment',
]);

export function hasGeneration(resource: Resource): boolean {
  return !WITHOUT_GENERATION.has(`${groupVersion(resource)}/${resource.kind}`);
}

/** kinds whose creator may say the status */
const GIVEN_STATUS: ReadonlySet<string> = new Set(['Node', 'PersistentVolume', 'PersistentVolumeClaim']);

export function withFirstStatus(resource: Resource, object: KubeObject): KubeObject {
  if (!resource.status) return object;
  if (resource.rules !== null) {
    const { status: _given, ...rest } = object;
    return rest;
  }
  if (resource.kind === 'Namespace') {
    const metadata = {
      ...object.metadata,
      labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name },
    };
    return { ...object, metadata, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
  }
  if (resource.kind === 'PersistentVolumeClaim') return { ...object, status: { phase: 'Pending' } };
  return GIVEN_STATUS.has(resource.kind) ? object : { ...object, status: {} };
}

/** A job's selector and labels are its uid, unless it brings a selector of its own. */
export function withJobSelector(object: KubeObject): KubeObject {
  const spec = object.spec ?? {};
  if (spec.manualSelector === true) return object;
  const uid = object.metadata.uid;
  const labels: Record<string, string> = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': object.metadata.name,
    'controller-uid': uid,
    'job-name': object.metadata.name,
  };
  if (spec.selector !== undefined) {
    throw invalid('Job.batch', object.metadata.name, [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(spec.selector)}: \`selector\` not auto-generated`,
        field: 'spec.selector',
      },
    ]);
  }
  const template = objectAt(spec, 'template');
  const metadata = objectAt(template, 'metadata');
  return {
    ...object,
    metadata: { ...object.metadata, labels: { ...labels, ...object.metadata.labels } },
    spec: {
      ...spec,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
      template: { ...template, metadata: { ...metadata, labels: { ...objectAt(metadata, 'labels'), ...labels } } },
    },
  };
}

/** the addresses that services get: 10.96.0.0/16, as most clusters are set up */
const SERVICE_NETWORK = '10.96';
const NODE_PORTS = { first: 30_000, last: 32_767 };
const SERVICES = 'v1/services';

/** Addresses and node ports for a service that has none; the lowest that nobody has. */
export function withAddresses(object: KubeObject, store: Store): KubeObject {
  const spec = object.spec ?? {};
  const type = textAt(spec, 'type');
  if (type === 'ExternalName') return object;
  const others = store
    .table(SERVICES)
    .keys()
    .map((key) => store.table(SERVICES).get(key)!.object)
    .filter((one) => one.metadata.uid !== object.metadata.uid);
  const given = textAt(spec, 'clusterIP') || (arrayAt(spec, 'clusterIPs')[0] as string | undefined);
  const used = new Set(others.map((one) => textAt(one.spec, 'clusterIP')));
  if (given !== undefined && given !== 'None' && used.has(given)) {
    throw invalid('Service', object.metadata.name, [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ["${given}"]: failed to allocate IP ${given}: provided IP is already allocated`,
        field: 'spec.clusterIPs',
      },
    ]);
  }
  const clusterIP = given ?? freeAddress(used);
  const next: JsonObject = {
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ...spec,
    clusterIP,
    clusterIPs: [clusterIP],
  };
  if (type === 'NodePort' || type === 'LoadBalancer') {
    const taken = new Set(
      [...others, object]
        .flatMap((one) => arrayAt(one.spec, 'ports'))
        .flatMap((port) => {
          const number = isObject(port) ? port.nodePort : undefined;
          return typeof number === 'number' ? [number] : [];
        }),
    );
    let port = NODE_PORTS.first;
    next.ports = arrayAt(spec, 'ports').map((one) => {
      if (!isObject(one) || one.nodePort) return one;
      while (taken.has(port) && port < NODE_PORTS.last) port += 1;
      taken.add(port);
      return { ...one, nodePort: port };
    });
  }
  return { ...object, spec: next };
}

function freeAddress(used: ReadonlySet<string>): string {
  // the first address belongs to the service of the API itself
  for (let at = 10; at < 65_535; at += 1) {
    const address = `${SERVICE_NETWORK}.${at >> 8}.${at & 255}`;
    if (!used.has(address)) return address;
  }
  return `${SERVICE_NETWORK}.255.255`;
}
