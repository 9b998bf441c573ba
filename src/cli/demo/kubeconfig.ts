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
    // without `insecure-skip-tls-verify` @kubernetes/client-node does not speak plain HTTP; to kubectl it says nothing there
    clusters: [{ name, cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}

export const kubectlLine = (kubeconfig: string): string => `export KUBECONFIG=${kubeconfig}; kubectl get pods -A`;
