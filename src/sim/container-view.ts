/**
 * What each container of a pod would see in its environment, resolved as kubelet does it from the pod object. An annotation or
 * label that is missing is an empty text to kubelet; a field that it does not know keeps the container from starting.
 */
import { arrayAt, isObject, type KubeObject, objectAt, textAt } from './api/object.ts';

export type ContainerView = {
  readonly name: string;
  readonly image: string;
  readonly init: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** names of variables that take a field kubelet does not know */
  readonly unresolved: readonly string[];
};

const KEYED = /^metadata\.(annotations|labels)\['(.+)'\]$/;

/** undefined: no such field */
function fieldOf(pod: KubeObject, path: string): string | undefined {
  const keyed = KEYED.exec(path);
  if (keyed) return pod.metadata[keyed[1] as 'annotations' | 'labels']?.[keyed[2]!] ?? '';
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'spec.nodeName':
      return textAt(pod.spec, 'nodeName');
    case 'spec.serviceAccountName':
      return textAt(pod.spec, 'serviceAccountName');
    case 'status.hostIP':
    case 'status.podIP':
      return '127.0.0.1';
    default:
      return undefined;
  }
}

function viewContainer(pod: KubeObject, container: unknown, init: boolean): ContainerView {
  const env: Record<string, string> = {};
  const unresolved: string[] = [];
  for (const variable of arrayAt(container, 'env').filter(isObject)) {
    const name = textAt(variable, 'name');
    const source = objectAt(variable, 'valueFrom');
    if (!isObject(source.fieldRef)) {
      // secrets, config maps and resource fields are not modelled: empty
      env[name] = textAt(variable, 'value');
      continue;
    }
    const value = fieldOf(pod, textAt(source.fieldRef, 'fieldPath'));
    if (value === undefined) unresolved.push(name);
    else env[name] = value;
  }
  return { name: textAt(container, 'name'), image: textAt(container, 'image'), init, env, unresolved };
}

/** Init containers first, each in spec order. */
export function viewContainers(pod: KubeObject): ContainerView[] {
  return [
    ...arrayAt(pod.spec, 'initContainers').map((one) => viewContainer(pod, one, true)),
    ...arrayAt(pod.spec, 'containers').map((one) => viewContainer(pod, one, false)),
  ];
}
