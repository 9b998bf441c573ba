/** What the server fills into a pod's spec, in pods and in templates of workloads. Amounts of time are seconds. */
import { arrayAt, isObject, type JsonObject, objectAt, textAt } from '../object.ts';

const FILE_MODE = 0o644;
const TAG = /:([\w][\w.-]*)$/;

/** `latest`, written or not, is pulled anew each time; a digest never is. */
function pullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = TAG.exec(image.slice(image.lastIndexOf('/') + 1))?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function probe(given: unknown, grpc = true): JsonObject {
  const value = isObject(given) ? given : {};
  const made: JsonObject = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3, ...value };
  if (isObject(value.httpGet)) made.httpGet = { path: '/', scheme: 'HTTP', ...value.httpGet };
  if (grpc && isObject(value.grpc)) made.grpc = { service: '', ...value.grpc };
  return made;
}

function environment(variable: unknown): unknown {
  if (!isObject(variable)) return variable;
  const from = objectAt(variable, 'valueFrom');
  if (isObject(from.fieldRef))
    return { ...variable, valueFrom: { ...from, fieldRef: { apiVersion: 'v1', ...from.fieldRef } } };
  if (isObject(from.resourceFieldRef))
    return { ...variable, valueFrom: { ...from, resourceFieldRef: { divisor: '0', ...from.resourceFieldRef } } };
  return variable;
}

function container(given: unknown): JsonObject {
  const value = isObject(given) ? given : {};
  const made: JsonObject = {
    imagePullPolicy: pullPolicy(textAt(value, 'image')),
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...value,
  };
  if (Array.isArray(value.ports))
    made.ports = value.ports.map((port) => (isObject(port) ? { protocol: 'TCP', ...port } : port));
  if (Array.isArray(value.env)) made.env = value.env.map(environment);
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'])
    if (isObject(value[name])) made[name] = probe(value[name]);
  if (isObject(value.lifecycle)) {
    const hook = (one: unknown): unknown =>
      isObject(one) && isObject(one.httpGet) ? { ...one, httpGet: { path: '/', scheme: 'HTTP', ...one.httpGet } } : one;
    made.lifecycle = Object.fromEntries(Object.entries(value.lifecycle).map(([name, one]) => [name, hook(one)]));
  }
  return made;
}

const withFieldVersion = (item: unknown): unknown =>
  isObject(item) && isObject(item.fieldRef) ? { ...item, fieldRef: { apiVersion: 'v1', ...item.fieldRef } } : item;

function projection(source: unknown): unknown {
  if (!isObject(source)) return source;
  const made = { ...source };
  if (isObject(source.serviceAccountToken))
    made.serviceAccountToken = { expirationSeconds: 3600, ...source.serviceAccountToken };
  if (isObject(source.downwardAPI))
    made.downwardAPI = { ...source.downwardAPI, items: arrayAt(source.downwardAPI, 'items').map(withFieldVersion) };
  return made;
}

function volume(given: unknown): unknown {
  if (!isObject(given)) return given;
  const made = { ...given };
  for (const name of ['configMap', 'secret'])
    if (isObject(given[name])) made[name] = { defaultMode: FILE_MODE, ...given[name] };
  if (isObject(given.hostPath)) made.hostPath = { type: '', ...given.hostPath };
  if (isObject(given.downwardAPI))
    made.downwardAPI = {
      defaultMode: FILE_MODE,
      ...given.downwardAPI,
      items: arrayAt(given.downwardAPI, 'items').map(withFieldVersion),
    };
  if (isObject(given.projected))
    made.projected = {
      defaultMode: FILE_MODE,
      ...given.projected,
      sources: arrayAt(given.projected, 'sources').map(projection),
    };
  if (Object.keys(given).length === 1 && 'name' in given) made.emptyDir = {};
  return made;
}

/** Of templates; a pod has a few more. */
export function defaultedPodSpec(given: JsonObject): JsonObject {
  const spec: JsonObject = {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    ...given,
  };
  const account = textAt(given, 'serviceAccountName') || textAt(given, 'serviceAccount');
  if (account !== '') spec.serviceAccountName = spec.serviceAccount = account;
  for (const list of ['containers', 'initContainers', 'ephemeralContainers'])
    if (Array.isArray(given[list])) spec[list] = given[list].map(container);
  if (Array.isArray(given.volumes)) spec.volumes = given.volumes.map(volume);
  return spec;
}

function withRequests(one: unknown): unknown {
  const resources = objectAt(one, 'resources');
  const limits = objectAt(resources, 'limits');
  if (Object.keys(limits).length === 0 || !isObject(one)) return one;
  return { ...one, resources: { ...resources, requests: { ...limits, ...objectAt(resources, 'requests') } } };
}

export function defaultedPod(given: JsonObject): JsonObject {
  const spec: JsonObject = { enableServiceLinks: true, ...defaultedPodSpec(given) };
  for (const list of ['containers', 'initContainers'])
    if (Array.isArray(spec[list])) spec[list] = spec[list].map(withRequests);
  return spec;
}
