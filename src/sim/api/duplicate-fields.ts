/** The fields that a JSON text names twice in one object, as paths. `JSON.parse` keeps the last and says nothing. */

type Scope = { readonly path: string; readonly seen: Set<string> | null; index: number; key: string };

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/** @param text valid JSON */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const scopes: Scope[] = [];
  let expectsKey = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const scope = scopes.at(-1);
    if (token === '{' || token === '[') {
      const path = scope === undefined ? '' : placeIn(scope);
      scopes.push({ path, seen: token === '{' ? new Set() : null, index: 0, key: '' });
      expectsKey = token === '{';
    } else if (token === '}' || token === ']') {
      scopes.pop();
      expectsKey = false;
    } else if (token === ',') {
      if (scope !== undefined) scope.index += 1;
      expectsKey = scope?.seen !== null;
    } else if (expectsKey && scope?.seen && token.startsWith('"')) {
      scope.key = JSON.parse(token) as string;
      if (scope.seen.has(scope.key)) {
        const path = placeIn(scope);
        if (!found.includes(path)) found.push(path);
      }
      scope.seen.add(scope.key);
      expectsKey = false;
    }
  }
  return found;
}

function placeIn({ path, seen, index, key }: Scope): string {
  if (seen === null) return `${path}[${index}]`;
  return path === '' ? key : `${path}.${key}`;
}
