/** The PodGroup CRDs of other schedulers, as far as their names go: any spec is taken. */
export type ForeignGroup = { readonly group: string; readonly version: string };

export const FOREIGN_GROUPS: readonly ForeignGroup[] = [
  { group: 'scheduling.x-k8s.io', version: 'v1alpha1' },
  { group: 'scheduling.sigs.k8s.io', version: 'v1alpha1' },
  { group: 'scheduling.volcano.sh', version: 'v1beta1' },
  { group: 'scheduling.run.ai', version: 'v2alpha2' },
];

export const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export function foreignDefinition({ group, version }: ForeignGroup) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `podgroups.${group}`,
      // *.k8s.io groups are protected: their definitions name the proposal that allowed them
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' },
    },
    spec: {
      group,
      names: { kind: 'PodGroup', listKind: 'PodGroupList', plural: 'podgroups', singular: 'podgroup' },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          },
        },
      ],
    },
  };
}
