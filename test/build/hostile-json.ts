/** For tests: a realistic object with parts of it replaced by arbitrary JSON, or gone. */
import fc from 'fast-check';

type Path = readonly (string | number)[];

/** Paths are drawn from the object; one to three of them are changed. */
export function hostileVariants(base: unknown): fc.Arbitrary<unknown> {
  const paths = pathsOf(base);
  const change = fc.record({ path: fc.constantFrom(...paths), value: fc.option(fc.jsonValue(), { nil: undefined }) });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const object: unknown = structuredClone(base);
    for (const { path, value } of changes) replace(object, path, value);
    return object;
  });
}

function pathsOf(value: unknown, path: Path = []): Path[] {
  const here = path.length === 0 ? [] : [path];
  if (typeof value !== 'object' || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function replace(object: unknown, path: Path, value: unknown): void {
  let at = object;
  for (const step of path.slice(0, -1)) {
    if (typeof at !== 'object' || at === null) return;
    at = (at as Record<string, unknown>)[step];
  }
  const last = path.at(-1);
  if (typeof at === 'object' && at !== null && last !== undefined) (at as Record<string, unknown>)[last] = value;
}
