import { describe, expect, it } from 'vitest';
import { applyPatch, jsonPatch, mergePatch, PATCH_TYPE, pointerStep, strategicPatch } from './patch.ts';

const target = { path: '/api/v1/nodes/n1/status', timeoutMs: 1_000 };

describe('a patch', () => {
  it.each([
    ['json', jsonPatch(target, [{ op: 'remove', path: '/x' }]), PATCH_TYPE.json, target.path],
    ['merge', mergePatch(target, {}), PATCH_TYPE.merge, target.path],
    ['strategic', strategicPatch(target, {}), PATCH_TYPE.strategic, target.path],
    [
      'apply',
      applyPatch(target, {}, { fieldManager: 'muster' }),
      PATCH_TYPE.apply,
      `${target.path}?fieldManager=muster`,
    ],
    [
      'forced apply',
      applyPatch({ ...target, path: '/x?dryRun=All' }, {}, { fieldManager: 'a b', force: true }),
      PATCH_TYPE.apply,
      '/x?dryRun=All&fieldManager=a+b&force=true',
    ],
  ])('of kind %s goes out as such', (_, request, contentType, path) => {
    expect(request).toMatchObject({ method: 'PATCH', contentType, path, timeoutMs: 1_000 });
  });

  it('names annotation keys in a JSON pointer', () => {
    expect(`/metadata/annotations/${pointerStep('muster.dev/a~b')}`).toBe('/metadata/annotations/muster.dev~1a~0b');
  });
});
