/** The file with which kubectl, and the extender, find the embedded API. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns its path. JSON is YAML. */
export function writeKubeconfig(folder: string, server: string): string {
  const path = join(folder, 'kubeconfig');
  const name = 'muster-demo';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}

export const kubectlLine = (kubeconfig: string): string => `export KUBECONFIG=${kubeconfig}; kubectl get pods -A`;
