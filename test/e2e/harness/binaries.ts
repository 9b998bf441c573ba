/** Where the unmodified control plane's programs are. test/e2e/run.ts finds or builds them and names the folder. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

export const programs = ['etcd', 'kube-apiserver', 'kube-scheduler', 'kubectl'] as const;
export type Program = (typeof programs)[number];

/** Absolute path of a program; throws when the folder is not known or the program is not in it. */
export function binary(program: Program): string {
  const directory = process.env.MUSTER_CONTROL_PLANE;
  if (directory === undefined)
    throw new Error('MUSTER_CONTROL_PLANE is not set: start these tests with npm run test:e2e');
  const file = join(directory, program);
  accessSync(file, constants.X_OK);
  return file;
}
