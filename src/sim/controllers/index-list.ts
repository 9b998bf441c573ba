/** Indexes of an Indexed Job as text: `0-2,4`. */

export function formatIndexes(indexes: Iterable<number>): string {
  const parts: string[] = [];
  const sorted = [...new Set(indexes)].sort((a, b) => a - b);
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (sorted[end + 1] === sorted[end]! + 1) end += 1;
    // two in a row are written apart by the real one as well
    parts.push(end - at >= 2 ? `${sorted[at]}-${sorted[end]}` : sorted.slice(at, end + 1).join(','));
    at = end + 1;
  }
  return parts.join(',');
}

/** Texts that are no list of indexes give none. */
export function parseIndexes(text: string): Set<number> {
  const indexes = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    for (let at = Number(match[1]); at <= Number(match[2] ?? match[1]); at += 1) indexes.add(at);
  }
  return indexes;
}
