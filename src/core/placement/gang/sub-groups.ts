/** The tree of a gang's sub-groups: which are needed, and what that comes to at least. */
import type { GangSubGroupFacts } from './gang-facts.ts';

/** The tree as declared. `minSubGroup`: so many of the groups without a parent are needed; null: all. */
export type SubGroupTree = { readonly subGroups: readonly GangSubGroupFacts[]; readonly minSubGroup: number | null };

/** Groups whose parent is `parent` (null: those of the root). */
export const childrenOf = ({ subGroups }: SubGroupTree, parent: string | null): readonly GangSubGroupFacts[] =>
  subGroups.filter((group) => group.parent === parent);

/** How many children of `parent` are needed. */
export function neededGroupsOf(tree: SubGroupTree, parent: string | null): number {
  const children = childrenOf(tree, parent).length;
  const said = parent === null ? tree.minSubGroup : tree.subGroups.find(({ name }) => name === parent)?.minSubGroup;
  return Math.min(children, said ?? children);
}

/** The fewest members with which enough of the sub-groups are whole: of those that may be left out, the smallest count. */
export function leastMembers(tree: SubGroupTree, parent: string | null = null): number {
  const each = childrenOf(tree, parent)
    .map(({ name, minMember }) => minMember + leastMembers(tree, name))
    .sort((a, b) => a - b);
  return each.slice(0, neededGroupsOf(tree, parent)).reduce((sum, members) => sum + members, 0);
}

/** Children of `parent` that have their own minimum and enough whole children. `membersIn`: how many members a group has. */
export function wholeGroups(
  tree: SubGroupTree,
  parent: string | null,
  membersIn: (name: string) => number,
): readonly GangSubGroupFacts[] {
  return childrenOf(tree, parent).filter(
    ({ name, minMember }) =>
      membersIn(name) >= minMember && wholeGroups(tree, name, membersIn).length >= neededGroupsOf(tree, name),
  );
}
