/**
 * What a user of kubectl does on `muster cluster` in a day, with the real kubectl: every line is a command and what it must say. The
 * lines build on each other. Skipped where no kubectl is found.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type RunningCluster, startCluster } from '../../src/cli/cluster/start.ts';

const folder = process.env.MUSTER_CONTROL_PLANE;
const given = folder === undefined ? '' : join(folder, 'kubectl');
const kubectl = existsSync(given) ? given : 'kubectl';
const installed = spawnSync(kubectl, ['version', '--client']).status === 0;
if (!installed) process.stderr.write('skipped: kubectl is neither in MUSTER_CONTROL_PLANE nor in PATH\n');

const directory = mkdtempSync(join(tmpdir(), 'muster-kubectl-cluster-'));
const file = (name: string, content: string, mode = 0o600): string => {
  const path = join(directory, name);
  writeFileSync(path, content, { mode });
  return path;
};
const gizmo = (size: number) => ({
  apiVersion: 'day.example.com/v1',
  kind: 'Gizmo',
  metadata: { name: 'one' },
  spec: { size },
});
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gizmos.day.example.com' },
  spec: {
    group: 'day.example.com',
    scope: 'Namespaced',
    names: { kind: 'Gizmo', plural: 'gizmos', singular: 'gizmo', shortNames: ['gz'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { size: { type: 'integer', description: 'How big.', minimum: 1 } } },
            },
          },
        },
      },
    ],
  },
};
const crd = file('crd.yaml', stringify(definition));
const one = file('one.yaml', stringify(gizmo(3)));
const bigger = file('bigger.yaml', stringify(gizmo(5)));
const small = file('small.yaml', stringify(gizmo(0)));
const editor = file('editor.sh', '#!/bin/sh\nsed -i "s/size: 5/size: 7/" "$1"\n', 0o700);
const NODES = [
  { count: 2, gpus: 4, model: 'A100-SXM4-80GB', memoryMiB: 81_920 },
  { count: 2, cpu: 16, memoryGiB: 64 },
];

type Line = readonly [command: string, says: RegExp];

const DAY: readonly Line[] = [
  ['version', /Server Version: v1\.37/],
  ['get nodes -o wide', /a100-0 +Ready +<none> .*v1\.37\.2\+muster\.sim +192\./],
  ['get svc', /kubernetes +ClusterIP +10\.96\.0\.1 +<none> +443\/TCP/],
  ['api-versions', /^batch\/v1$/m],
  ['api-resources --namespaced=true -o name', /^deployments\.apps$/m],
  ['explain deployment.spec.replicas', /FIELD: replicas <integer>/],
  ['create namespace team', /namespace\/team created/],
  ['create configmap cm --from-literal=a=b', /configmap\/cm created/],
  ['create secret generic s --from-literal=a=b', /secret\/s created/],
  ['get secret s -o jsonpath={.data.a}', /^Yg==$/],
  ['create deployment web --image=nginx:1 --replicas=3 --port=80', /deployment.apps\/web created/],
  ['rollout status deploy/web --timeout=15s', /successfully rolled out/],
  ['expose deployment web --port=80', /service\/web exposed/],
  ['create pdb web --selector=app=web --min-available=2', /poddisruptionbudget.policy\/web created/],
  ['wait --for=jsonpath={.status.disruptionsAllowed}=1 pdb/web --timeout=10s', /condition met/],
  ['get all', /deployment\.apps\/web +3\/3/],
  ['get pods -l app=web --field-selector status.phase=Running -o name', /^(pod\/web-\S+\n){3}$/],
  ['get pods --sort-by=.spec.nodeName -o custom-columns=N:.spec.nodeName --no-headers', /^((a100|cpu)-\d\n){3}$/],
  ['describe deploy web', /ScalingReplicaSet .* Scaled up replica set web-\S+ from 0 to 3/],
  ['describe node cpu-0', /MemoryPressure +False [\s\S]*InternalIP: +192\.[\s\S]*Non-terminated Pods/],
  ['describe pdb web', /Allowed disruptions: +1/],
  ['events --for deployment/web', /ScalingReplicaSet/],
  ['set image deploy/web nginx=nginx:2', /image updated/],
  ['rollout status deploy/web --timeout=15s', /successfully rolled out/],
  ['rollout history deploy/web', /^1 .*\n^2 /m],
  ['rollout undo deploy/web', /rolled back/],
  ['rollout status deploy/web --timeout=15s', /successfully rolled out/],
  ['get deploy web -o jsonpath={.spec.template.spec.containers[0].image}', /^nginx:1$/],
  ['rollout restart deploy/web', /restarted/],
  ['rollout status deploy/web --timeout=15s', /successfully rolled out/],
  ['scale deploy web --replicas=2', /scaled/],
  ['autoscale deploy web --max=5', /autoscaled/],
  ['patch deploy web --type=json -p [{"op":"replace","path":"/spec/replicas","value":3}]', /patched/],
  ['patch deploy web -p {"spec":{"minReadySeconds":0}}', /patched/],
  ['label deploy web tier=front', /labeled/],
  ['annotate deploy web a=b', /annotated/],
  ['get deploy -L tier', /front/],
  ['cordon cpu-0', /cordoned/],
  ['drain cpu-0 --ignore-daemonsets --timeout=20s', /node\/cpu-0 drained/],
  ['get node cpu-0', /Ready,SchedulingDisabled/],
  ['uncordon cpu-0', /uncordoned/],
  ['taint node cpu-1 k=v:NoSchedule', /tainted/],
  ['taint node cpu-1 k-', /untainted/],
  ['create quota q --hard=pods=4', /resourcequota\/q created/],
  ['wait --for=jsonpath={.status.hard.pods}=4 quota/q --timeout=10s', /condition met/],
  ['run more --image=busybox', /pod\/more created/],
  [
    'run over --image=busybox',
    /pods "over" is forbidden: exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4/,
  ],
  ['describe quota q', /pods +4 +4/],
  ['delete quota q', /deleted/],
  ['create job once --image=busybox -- true', /job.batch\/once created/],
  ['wait --for=condition=complete job/once --timeout=20s', /condition met/],
  ['describe job once', /SuccessfulCreate[\s\S]*Completed/],
  ['delete job once --cascade=orphan', /deleted/],
  ['get pods -l job-name=once', /Completed/],
  ['logs more', /BadRequest.*no container runs in this embedded cluster: there is no log of pod more/],
  ['exec more -- ls', /no container runs in this embedded cluster/],
  ['top pods', /Metrics API not available/],
  ['delete pod more --grace-period=0 --force', /force deleted/],
  [`apply -f ${crd}`, /gizmos.day.example.com created/],
  ['wait --for=condition=Established crd/gizmos.day.example.com --timeout=10s', /condition met/],
  [`diff -f ${one}`, /\+ {2}size: 3/],
  [`apply -f ${one}`, /gizmo.day.example.com\/one created/],
  [`apply -f ${small}`, /spec\.size: Invalid value: 0: spec\.size in body should be greater than or equal to 1/],
  [`apply --server-side -f ${bigger}`, /one serverside-applied/],
  ['edit gizmo one', /edited/],
  ['get gz', /one +7/],
  ['explain gizmo.spec --recursive', /size\t<integer>/],
  ['describe gizmo one', /Size: +7/],
  ['get gizmos -A -o yaml', /apiVersion: day\.example\.com\/v1[\s\S]*size: 7/],
  ['delete crd gizmos.day.example.com', /deleted/],
  ['get gizmos', /NotFound|doesn't have a resource type/],
  ['get events.events.k8s.io', /SuccessfulCreate/],
  ['auth whoami', /system:masters/],
  ['auth can-i delete nodes', /^yes/],
  ['delete deploy web --cascade=foreground --timeout=20s', /deployment.apps "web" deleted/],
  ['get rs,pods -l app=web', /No resources found/],
  ['delete namespace team --timeout=20s', /deleted/],
];
const WITH_RBAC: readonly Line[] = [
  ['create serviceaccount robot', /created/],
  ['get pods --as=system:serviceaccount:default:robot', /Forbidden.*cannot list resource "pods" in API group ""/],
  ['create role reader --verb=get,list --resource=pods', /created/],
  ['create rolebinding reader --role=reader --serviceaccount=default:robot', /created/],
  ['get pods --as=system:serviceaccount:default:robot', /once-\S+ +0\/1 +Completed/],
  ['auth can-i delete pods --as=system:serviceaccount:default:robot', /^no/],
  ['create token robot', /^ey/],
];

describe.skipIf(!installed).each([
  { what: 'with TLS and RBAC', tls: true },
  { what: 'without', tls: false },
])('kubectl on muster cluster $what', ({ tls }) => {
  let running: RunningCluster;
  let cache = '';
  const errors: string[] = [];
  beforeAll(async () => {
    cache = join(directory, `cache-${tls}`);
    running = await startCluster({ nodes: NODES, tls, kubeconfig: join(directory, `kubeconfig-${tls}`) }, (line) => {
      if (line.startsWith('error') && !line.includes('exceeded quota')) errors.push(line);
    });
  });
  afterAll(async () => {
    await running?.stop();
    if (!tls) rmSync(directory, { recursive: true, force: true });
  });

  it.each(tls ? [...DAY, ...WITH_RBAC] : DAY)('%s', async (command, says) => {
    const args = ['--kubeconfig', running.kubeconfig, '--cache-dir', cache, ...command.split(' ')];
    const options = { timeout: 30_000, env: { ...process.env, EDITOR: editor } };
    const said = await new Promise<string>((resolve) => {
      execFile(kubectl, args, options, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
    expect(said).toMatch(says);
  });

  it('no part of the cluster had anything to complain of', () => {
    expect(errors).toEqual([]);
  });
});
