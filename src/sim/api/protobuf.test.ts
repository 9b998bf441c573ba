import { describe, expect, it } from 'vitest';
import { fromProtobuf } from './protobuf.ts';

const rbac = 'rbac.authorization.k8s.io';
const body = (base64: string) => Buffer.from(base64, 'base64');

// what kubectl 1.37 sent
describe('a body of kubectl', () => {
  it.each([
    [
      'auth can-i',
      'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSQgoQCgASABoAIgAqADIAOABCABIkCiIKBHRlYW0SBnVwZGF0ZRoAIgAqBHBvZHMyADoGc3RhdHVzGggIABIAGgAgABoAIgA=',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace: 'team', verb: 'update', resource: 'pods', name: 'status' } },
      },
    ],
    [
      'create token',
      'azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIjChAKABIAGgAiACoAMgA4AEIAEgkKAWEKAWIgsAkaBAoAEgAaACIA',
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: ['a', 'b'], expirationSeconds: 1200 },
      },
    ],
    [
      'create clusterrole',
      'azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtDbHVzdGVyUm9sZRI4ChIKAnIxEgAaACIAKgAyADgAQgASIgoDZ2V0CgRsaXN0EgAaBHBvZHMaCmNvbmZpZ21hcHMiAWEaACIA',
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRole',
        metadata: { name: 'r1' },
        rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'configmaps'], resourceNames: ['a'] }],
      },
    ],
    [
      'create clusterrolebinding',
      'azhzAAoyChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEhJDbHVzdGVyUm9sZUJpbmRpbmcShgEKEgoCYjESABoAIgAqADIAOABCABIoCgRVc2VyEhlyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvGgNib2IiABIYCg5TZXJ2aWNlQWNjb3VudBIAGgF5IgF4GiwKGXJiYWMuYXV0aG9yaXphdGlvbi5rOHMuaW8SC0NsdXN0ZXJSb2xlGgJyMRoAIgA=',
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'b1' },
        subjects: [
          { kind: 'User', apiGroup: rbac, name: 'bob' },
          { kind: 'ServiceAccount', name: 'y', namespace: 'x' },
        ],
        roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'r1' },
      },
    ],
    [
      'create configmap',
      'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiQKEgoCYzESABoAIgAqADIAOABCABIGCgFhEgFiEgYKAWMSAWQaACIA',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c1' }, data: { a: 'b', c: 'd' } },
    ],
    [
      'create secret',
      'azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA=',
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { a: 'Yg==' } },
    ],
    [
      'create deployment --replicas=0',
      'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EsMBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEpEBCAASDAoKCgNhcHASA3dlYhp3ChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElcSOQoFbmdpbngSBW5naW54GgJzaBoCLWMaAXgqADIKCgAQABhQIgAqAEIAagByAIABAIgBAJABAKIBABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA==',
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', labels: { app: 'web' } },
        spec: {
          replicas: 0,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: {
              containers: [
                { name: 'nginx', image: 'nginx', command: ['sh', '-c', 'x'], ports: [{ containerPort: 80 }] },
              ],
            },
          },
        },
      },
    ],
    [
      'create service nodeport',
      'azhzAAoNCgJ2MRIHU2VydmljZRJlChsKAXMSABoAIgAqADIAOABCAFoICgNhcHASAXMSQgoeCgc4MC1odHRwEgNUQ1AYUCIKCAEQABoEaHR0cCgAEggKA2FwcBIBcxoAIghOb2RlUG9ydDoAQgBSAFoAYABoABoCCgAaACIA',
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 's', labels: { app: 's' } },
        spec: {
          ports: [{ name: '80-http', protocol: 'TCP', port: 80, targetPort: 'http' }],
          selector: { app: 's' },
          type: 'NodePort',
        },
      },
    ],
    [
      'create quota',
      'azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRIwChEKAXESABoAIgAqADIAOABCABIZCgoKA2NwdRIDCgEyCgsKBHBvZHMSAwoBMxoAGgAiAA==',
      { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard: { cpu: '2', pods: '3' } } },
    ],
  ])('of %s is the same in JSON', (_what, base64, expected) => {
    expect(fromProtobuf(body(base64))).toEqual(expected);
  });

  it('of a kind that is not built in is not read', () => {
    expect(fromProtobuf(body('azhzAAoJCgJ2MRIDUG9lEgA='))).toBeNull();
  });

  it.each([
    ['nothing of the kind', Buffer.from('{}')],
    ['cut off', body('azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiQKEgoC')],
  ])('that is %s is an error', (_what, bytes) => {
    expect(() => fromProtobuf(bytes)).toThrowError(RangeError);
  });
});
