/**
 * The roles and bindings that a new cluster has, as Kubernetes 1.37 creates them; of the many for its own controllers none, since
 * those do not run here. A line is a rule: verbs, groups (or `url`), resources, names. `read`, `write` and `all` stand for the
 * usual verbs.
 */
import type { JsonObject, ObjectMeta } from '../object.ts';
import { RBAC_GROUP, RBAC_VERSION } from './rbac.ts';

const VERBS: Readonly<Record<string, string>> = {
  read: 'get,list,watch',
  write: 'create,delete,deletecollection,patch,update',
  all: 'create,delete,deletecollection,get,list,patch,update,watch',
};

const CLUSTER_ROLES: Readonly<Record<string, string>> = {
  'cluster-admin': `
    * * *
    * url *
  `,
  'system:discovery': `
    get url /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
  `,
  'system:basic-user': `
    create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews
    create authentication.k8s.io selfsubjectreviews
  `,
  'system:public-info-viewer': `
    get url /healthz,/livez,/readyz,/version,/version/
  `,
  'system:monitoring': `
    get url /flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,/statusz
    get core nodes/metrics
  `,
  'system:auth-delegator': `
    create authentication.k8s.io tokenreviews
    create authorization.k8s.io subjectaccessreviews
  `,
  'system:service-account-issuer-discovery': `
    get url /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/
  `,
  'system:kube-scheduler': `
    create,patch,update core,events.k8s.io events
    create coordination.k8s.io leases
    get,list,update,watch coordination.k8s.io leases kube-scheduler
    all coordination.k8s.io leasecandidates
    read core nodes
    delete,get,list,watch core pods
    create core bindings,pods/binding
    patch,update core pods/status
    read core replicationcontrollers,services
    read apps,extensions replicasets
    read apps statefulsets
    read policy poddisruptionbudgets
    read core persistentvolumeclaims,persistentvolumes
    create authentication.k8s.io tokenreviews
    create authorization.k8s.io subjectaccessreviews
    read storage.k8s.io csinodes
    read storage.k8s.io volumeattachments
    read core namespaces
    read storage.k8s.io csidrivers
    read storage.k8s.io csistoragecapacities
    read resource.k8s.io deviceclasses
    get,list,patch,update,watch resource.k8s.io resourceclaims
    get,list,patch,update,watch resource.k8s.io resourceclaims/status
    update core pods/finalizers
    read resource.k8s.io resourceslices
    create,delete resource.k8s.io resourceclaims
    read resource.k8s.io devicetaintrules
    patch,update resource.k8s.io resourceclaims/binding
  `,
  'system:volume-scheduler': `
    get,list,patch,update,watch core persistentvolumes
    read storage.k8s.io storageclasses
    get,list,patch,update,watch core persistentvolumeclaims
  `,
  'system:node': `
    create authentication.k8s.io tokenreviews
    create authorization.k8s.io localsubjectaccessreviews,subjectaccessreviews
    read core services
    create,get,list,watch core nodes
    patch,update core nodes/status
    patch,update core nodes
    create,patch,update core,events.k8s.io events
    read core pods
    create,delete core pods
    patch,update core pods/status
    create core pods/eviction
    read core configmaps,secrets
    get core persistentvolumeclaims,persistentvolumes
    get core endpoints
    create,get,list,watch certificates.k8s.io certificatesigningrequests
    create,delete,get,patch,update coordination.k8s.io leases
    get storage.k8s.io volumeattachments
    create core serviceaccounts/token
    get,patch,update core persistentvolumeclaims/status
    read storage.k8s.io csidrivers
    create,delete,get,patch,update storage.k8s.io csinodes
    read node.k8s.io runtimeclasses
    get resource.k8s.io resourceclaims
    deletecollection resource.k8s.io resourceslices
    read certificates.k8s.io clustertrustbundles
    get core serviceaccounts
    create,get,list,watch certificates.k8s.io podcertificaterequests
  `,
  'system:aggregate-to-view': `
    read core configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
    read core bindings,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status
    read core namespaces
    read core,events.k8s.io events
    read discovery.k8s.io endpointslices
    read apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
    read autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status
    read batch cronjobs,cronjobs/status,jobs,jobs/status
    read extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
    read policy poddisruptionbudgets,poddisruptionbudgets/status
    read networking.k8s.io ingresses,ingresses/status,networkpolicies
    read resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates
  `,
  'system:aggregate-to-edit': `
    read core pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
    impersonate core serviceaccounts
    write core pods,pods/attach,pods/exec,pods/portforward,pods/proxy
    create core pods/eviction
    write core configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy
    create core serviceaccounts/token
    write core,events.k8s.io events
    write apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale
    write autoscaling horizontalpodautoscalers
    write batch cronjobs,jobs
    write extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
    write policy poddisruptionbudgets
    write networking.k8s.io ingresses,networkpolicies
    all coordination.k8s.io leases
    write resource.k8s.io resourceclaims,resourceclaimtemplates
  `,
  'system:aggregate-to-admin': `
    create authorization.k8s.io localsubjectaccessreviews
    all rbac.authorization.k8s.io rolebindings,roles
  `,
};

/** role → the roles with this label are its rules, and the label it carries itself */
const AGGREGATED: Readonly<Record<string, { from: string; to: string | null }>> = {
  view: { from: 'view', to: 'edit' },
  edit: { from: 'edit', to: 'admin' },
  admin: { from: 'admin', to: null },
};

const ROLES: Readonly<Record<string, string>> = {
  'kube-system/extension-apiserver-authentication-reader': `
    read core configmaps extension-apiserver-authentication
  `,
  'kube-system/system::leader-locking-kube-scheduler': `
    create,get,list,update,watch coordination.k8s.io leases
    create,get,list,update,watch coordination.k8s.io leasecandidates
  `,
};

/** binding = role of the same name → subjects as `Kind:name` */
const CLUSTER_BINDINGS: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['Group:system:masters'],
  'system:discovery': ['Group:system:authenticated'],
  'system:basic-user': ['Group:system:authenticated'],
  'system:public-info-viewer': ['Group:system:authenticated', 'Group:system:unauthenticated'],
  'system:monitoring': ['Group:system:monitoring'],
  'system:service-account-issuer-discovery': ['Group:system:serviceaccounts'],
  'system:kube-scheduler': ['User:system:kube-scheduler'],
  'system:volume-scheduler': ['User:system:kube-scheduler'],
  // a real cluster has its node authorizer instead
  'system:node': ['Group:system:nodes'],
};
const BINDINGS: Readonly<Record<string, { role: string; subjects: readonly string[] }>> = {
  'kube-system/system::extension-apiserver-authentication-reader': {
    role: 'extension-apiserver-authentication-reader',
    subjects: ['User:system:kube-controller-manager', 'User:system:kube-scheduler'],
  },
  'kube-system/system::leader-locking-kube-scheduler': {
    role: 'system::leader-locking-kube-scheduler',
    subjects: ['User:system:kube-scheduler', 'ServiceAccount:kube-scheduler'],
  },
};

const LABEL = 'kubernetes.io/bootstrapping';
const AGGREGATE = `${RBAC_GROUP}/aggregate-to-`;

function rulesOf(text: string): JsonObject[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [short = '', groups = '', resources = '', names] = line.split(' ');
      const verbs = (VERBS[short] ?? short).split(',');
      if (groups === 'url') return { verbs, nonResourceURLs: resources.split(',') };
      return {
        verbs,
        apiGroups: groups.split(',').map((group) => (group === 'core' ? '' : group)),
        resources: resources.split(','),
        ...(names === undefined ? {} : { resourceNames: names.split(',') }),
      };
    });
}

function subjectsOf(texts: readonly string[]): JsonObject[] {
  return texts.map((text) => {
    const kind = text.slice(0, text.indexOf(':'));
    const name = text.slice(kind.length + 1);
    return kind === 'ServiceAccount' ? { kind, name, namespace: 'kube-system' } : { kind, apiGroup: RBAC_GROUP, name };
  });
}

/** What one such object begins with; uid, times and versions are the caller's. */
export type Bootstrap = JsonObject & {
  apiVersion: string;
  kind: string;
  metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'labels'>;
};

export function bootstrapObjects(): Bootstrap[] {
  const make = (kind: string, at: string, fields: JsonObject, labels: Record<string, string> = {}): Bootstrap => {
    const slash = at.indexOf('/');
    return {
      apiVersion: RBAC_VERSION,
      kind,
      metadata: {
        name: at.slice(slash + 1),
        ...(slash < 0 ? {} : { namespace: at.slice(0, slash) }),
        labels: { [LABEL]: 'rbac-defaults', ...labels },
      },
      ...fields,
    };
  };
  const refTo = (kind: string, name: string) => ({ apiGroup: RBAC_GROUP, kind, name });
  const partOf = (name: string) => /^system:aggregate-to-(.*)$/.exec(name)?.[1];
  return [
    ...Object.entries(CLUSTER_ROLES).map(([name, rules]) => {
      const whole = partOf(name);
      const labels = whole === undefined ? {} : { [AGGREGATE + whole]: 'true' };
      return make('ClusterRole', name, { rules: rulesOf(rules) }, labels);
    }),
    ...Object.entries(AGGREGATED).map(([name, { from, to }]) => {
      const clusterRoleSelectors = [{ matchLabels: { [AGGREGATE + from]: 'true' } }];
      const labels = to === null ? {} : { [AGGREGATE + to]: 'true' };
      return make('ClusterRole', name, { aggregationRule: { clusterRoleSelectors }, rules: null }, labels);
    }),
    ...Object.entries(ROLES).map(([at, rules]) => make('Role', at, { rules: rulesOf(rules) })),
    ...Object.entries(CLUSTER_BINDINGS).map(([name, subjects]) =>
      make('ClusterRoleBinding', name, { subjects: subjectsOf(subjects), roleRef: refTo('ClusterRole', name) }),
    ),
    ...Object.entries(BINDINGS).map(([at, { role, subjects }]) =>
      make('RoleBinding', at, { subjects: subjectsOf(subjects), roleRef: refTo('Role', role) }),
    ),
  ];
}
