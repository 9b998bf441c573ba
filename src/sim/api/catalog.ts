/** What is served right now: the built-in resources and those of established CustomResourceDefinitions. */
import { EVENTS } from './events.ts';
import { groupVersion, RESOURCES, type Resource, resourceId } from './resources.ts';

export type Served = {
  readonly resource: Resource;
  /** the store's table: all versions of a custom resource share one */
  readonly table: string;
};

export class Catalog {
  readonly #served = new Map<string, Served>();
  #version = 0;

  constructor(overrides: readonly Resource[]) {
    for (const resource of RESOURCES) this.add(resource, tableOf(resource));
    for (const resource of overrides) this.add(resource, idOf(resource));
  }

  /** moves with every change: what was derived from the catalog before is stale */
  get version(): number {
    return this.#version;
  }

  /** @param id group, version and plural, as `resourceId` writes them */
  get(id: string): Served | undefined {
    return this.#served.get(id);
  }

  resources(): Resource[] {
    return [...this.#served.values()].map(({ resource }) => resource);
  }

  tables(): string[] {
    return [...new Set([...this.#served.values()].map(({ table }) => table))];
  }

  add(resource: Resource, table: string): void {
    this.#served.set(idOf(resource), { resource, table });
    this.#version += 1;
  }

  /** Takes away all versions that share a table. */
  removeTable(table: string): void {
    for (const [id, served] of this.#served) if (served.table === table) this.#served.delete(id);
    this.#version += 1;
  }
}

/** Events are one, by whichever of their two APIs they are written. */
function tableOf(resource: Resource): string {
  return resource.kind === 'Event' ? EVENTS : idOf(resource);
}

function idOf(resource: Resource): string {
  return resourceId(groupVersion(resource), resource.plural);
}
