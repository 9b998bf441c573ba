/**
 * RBAC over the stored roles and bindings. Who has which rules is an index by subject, made anew when one of these objects
 * changed and somebody asks; a question then looks at the rules of one user and their groups only.
 */
import { arrayAt, type KubeObject, objectAt, storeKey, textAt } from '../object.ts';
import { resourceId } from '../resources.ts';
import type { Store, Table } from '../store.ts';
import type { Attributes } from './attributes.ts';
import { type PolicyRule, readRules, ruleAllows } from './role-rules.ts';
import { MASTERS, serviceAccountName, type User } from './user.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
export const RBAC_VERSION = `${RBAC_GROUP}/v1`;
export const RBAC_IDS = {
  roles: resourceId(RBAC_VERSION, 'roles'),
  clusterRoles: resourceId(RBAC_VERSION, 'clusterroles'),
  roleBindings: resourceId(RBAC_VERSION, 'rolebindings'),
  clusterRoleBindings: resourceId(RBAC_VERSION, 'clusterrolebindings'),
};

export type Decision = { readonly allowed: boolean /** '' when there is nothing to say */; readonly reason: string };

/** What one subject may do: everywhere (key '') and per namespace. */
type Grants = Map<string, { readonly rules: PolicyRule[]; readonly faults: string[]; readonly by: string }[]>;

export class Rbac {
  readonly #tables: Record<keyof typeof RBAC_IDS, Table>;
  #index: Map<string, Grants> | null = null;

  constructor(store: Store) {
    this.#tables = {
      roles: store.table(RBAC_IDS.roles),
      clusterRoles: store.table(RBAC_IDS.clusterRoles),
      roleBindings: store.table(RBAC_IDS.roleBindings),
      clusterRoleBindings: store.table(RBAC_IDS.clusterRoleBindings),
    };
    const forget = () => {
      this.#index = null;
    };
    for (const table of Object.values(this.#tables)) table.watch(forget);
  }

  decide(user: User, wanted: Attributes): Decision {
    if (user.groups.includes(MASTERS)) return { allowed: true, reason: '' };
    const faults: string[] = [];
    for (const scope of wanted.namespace === '' || !wanted.isResource ? [''] : ['', wanted.namespace]) {
      for (const grants of this.#grantsOf(user)) {
        for (const grant of grants.get(scope) ?? []) {
          for (const rule of grant.rules) {
            if (ruleAllows(rule, wanted)) return { allowed: true, reason: grant.by };
          }
          faults.push(...grant.faults);
        }
      }
    }
    return { allowed: false, reason: faults.length === 0 ? '' : `rbac: RBAC: ${listed([...new Set(faults)])}` };
  }

  /** Everything the user may do in a namespace ('' : at the scope of the cluster only). */
  rulesOf(user: User, namespace: string): PolicyRule[] {
    const everything: PolicyRule[] = [];
    if (user.groups.includes(MASTERS)) {
      const all = ['*'];
      const none: string[] = [];
      everything.push(
        { verbs: all, apiGroups: all, resources: all, resourceNames: none, nonResourceURLs: none },
        { verbs: all, apiGroups: none, resources: none, resourceNames: none, nonResourceURLs: all },
      );
    }
    const scopes = namespace === '' ? [''] : ['', namespace];
    const granted = scopes.flatMap((scope) =>
      this.#grantsOf(user).flatMap((grants) => (grants.get(scope) ?? []).flatMap((grant) => grant.rules)),
    );
    const seen = new Set<string>();
    return [...everything, ...granted].filter((rule) => {
      const key = JSON.stringify(rule);
      return !seen.has(key) && seen.add(key);
    });
  }

  /** The rules that a reference of a binding leads to; null when there is no such role. */
  rulesOfRole(roleRef: unknown, namespace: string): PolicyRule[] | null {
    const name = textAt(roleRef, 'name');
    const ofCluster = textAt(roleRef, 'kind') === 'ClusterRole';
    const table = ofCluster ? this.#tables.clusterRoles : this.#tables.roles;
    const role = table.get(storeKey(ofCluster ? '' : namespace, name));
    return role === undefined ? null : readRules(role.object);
  }

  #grantsOf(user: User): Grants[] {
    this.#index ??= this.#build();
    const found: Grants[] = [];
    for (const key of [`User:${user.name}`, ...user.groups.map((group) => `Group:${group}`)]) {
      const grants = this.#index.get(key);
      if (grants !== undefined) found.push(grants);
    }
    return found;
  }

  #build(): Map<string, Grants> {
    const index = new Map<string, Grants>();
    const rulesByRole = new Map<string, PolicyRule[] | null>();
    const add = (binding: KubeObject) => {
      const namespace = binding.metadata.namespace ?? '';
      const roleRef = objectAt(binding, 'roleRef');
      const kind = textAt(roleRef, 'kind');
      const name = textAt(roleRef, 'name');
      const roleKey = `${kind}/${kind === 'Role' ? namespace : ''}/${name}`;
      if (!rulesByRole.has(roleKey)) rulesByRole.set(roleKey, this.rulesOfRole(roleRef, namespace));
      const rules = rulesByRole.get(roleKey) ?? null;
      const plural = kind === 'ClusterRole' ? 'clusterrole' : 'role';
      const grant = {
        rules: rules ?? [],
        faults: rules === null ? [`${plural}.${RBAC_GROUP} "${name}" not found`] : [],
        by: '',
      };
      for (const subject of arrayAt(binding, 'subjects')) {
        const key = subjectKey(subject, namespace);
        const grants = index.get(key) ?? new Map();
        index.set(key, grants);
        const there = grants.get(namespace) ?? [];
        grants.set(namespace, there);
        const how = `${textAt(subject, 'kind')} "${shownSubject(subject, namespace)}"`;
        const where = namespace === '' ? '' : `/${namespace}`;
        const by = `RBAC: allowed by ${binding.kind} "${binding.metadata.name}${where}" of ${kind} "${name}" to ${how}`;
        there.push({ ...grant, by });
      }
    };
    for (const table of [this.#tables.clusterRoleBindings, this.#tables.roleBindings]) {
      for (const key of table.keys()) add(table.get(key)!.object);
    }
    return index;
  }
}

function subjectKey(subject: unknown, namespace: string): string {
  const kind = textAt(subject, 'kind');
  const name = textAt(subject, 'name');
  if (kind !== 'ServiceAccount') return `${kind}:${name}`;
  return `User:${serviceAccountName(textAt(subject, 'namespace') || namespace, name)}`;
}

function shownSubject(subject: unknown, namespace: string): string {
  const name = textAt(subject, 'name');
  if (textAt(subject, 'kind') !== 'ServiceAccount') return name;
  return `${name}/${textAt(subject, 'namespace') || namespace}`;
}

/** Several errors as Go's aggregate prints them. */
function listed(texts: readonly string[]): string {
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
}
