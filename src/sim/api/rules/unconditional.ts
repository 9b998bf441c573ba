/** Kinds that take no update without the resourceVersion it was made from. */
import { groupVersion, type Resource } from '../resources.ts';
import { builtInType } from '../types/types.ts';

const CONDITIONAL: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration',
  'coordination.k8s.io/v1/Lease',
  'node.k8s.io/v1/RuntimeClass',
  'policy/v1/PodDisruptionBudget',
  'storage.k8s.io/v1/CSIDriver',
  'storage.k8s.io/v1/CSINode',
  'storage.k8s.io/v1/VolumeAttachment',
]);

export function needsVersion(resource: Resource): boolean {
  return CONDITIONAL.has(`${groupVersion(resource)}/${resource.kind}`) || builtInType(resource) === null;
}
