/** The types that the embedded API merges, defaults and checks by are those of a real kube-apiserver's OpenAPI. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT_IN } from '../../src/sim/api/types/built-in.ts';
import { builtInTypes } from './harness/built-in-types.ts';
import { ControlPlane } from './harness/control-plane.ts';

const FILE = join(import.meta.dirname, '../../src/sim/api/types/built-in.ts');

let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start({
    featureGates: { GenericWorkload: true },
    apiserverArgs: ['--runtime-config=scheduling.k8s.io/v1beta1=true'],
  });
});
afterAll(async () => await plane?.stop());

describe('the types of the built-in kinds', () => {
  it('are those of the real OpenAPI (MUSTER_WRITE_TYPES=1 writes them)', async () => {
    const text = `\n${await builtInTypes(plane.admin)}\n`;
    if (process.env.MUSTER_WRITE_TYPES === '1') {
      const head = `/**
 * The types of all built-in kinds that are served: fields, keys of lists, what is atomic, which patch strategy. Generated from
 * the OpenAPI of a real kube-apiserver (test/e2e/built-in-types.test.ts compares, and writes with MUSTER_WRITE_TYPES=1).
 * The notation is told in notation.ts.
 */
`;
      writeFileSync(FILE, `${head}export const BUILT_IN = \`${text}\`;\n`);
      return;
    }
    expect(BUILT_IN).toBe(text);
  });
});
