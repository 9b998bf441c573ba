/**
 * What follows from a definition that was stored: its routes and table come, change and go with it. Routes are there before
 * the write that made them is answered. A deleted definition stays until the last of its objects is gone.
 */
import type { Catalog } from '../catalog.ts';
import { arrayAt, type KubeObject, objectAt, storeKey, textAt } from '../object.ts';
import type { Resource } from '../resources.ts';
import type { Change, Store } from '../store.ts';
import { customResource } from './custom-kind.ts';
import { CLEANUP_FINALIZER, DEFINITIONS, isEstablished, type NameConflict, versionsOf } from './definition.ts';

/** Deletes one object as a client would: finalizers hold it. */
export type RemoveObject = (resource: Resource, table: string, object: KubeObject) => void;

const tableOf = (definition: KubeObject) => `custom/${definition.metadata.name}`;

export class Definitions {
  readonly #store: Store;
  readonly #catalog: Catalog;
  readonly #remove: RemoveObject;

  constructor(store: Store, catalog: Catalog, remove: RemoveObject) {
    this.#store = store;
    this.#catalog = catalog;
    this.#remove = remove;
    store.table(DEFINITIONS).watch((change) => this.#changed(change));
  }

  #changed({ type, next }: Change): void {
    const definition = next.object;
    if (type === 'DELETED') {
      this.#catalog.removeTable(tableOf(definition));
      this.#store.dropTable(tableOf(definition));
      return;
    }
    if (isEstablished(definition)) this.#serve(definition);
    // after the write that is going on now: watchers must see it before what follows from it
    if (definition.metadata.deletionTimestamp !== undefined) queueMicrotask(() => this.#cleanUp(definition));
  }

  #serve(definition: KubeObject): void {
    const table = tableOf(definition);
    this.#store.addTable(table);
    this.#catalog.removeTable(table);
    for (const version of versionsOf(definition))
      if (version.served === true) this.#catalog.add(customResource(definition, version), table);
  }

  #cleanUp(definition: KubeObject): void {
    const id = tableOf(definition);
    const storage = versionsOf(definition).find((version) => version.storage === true);
    if (storage !== undefined && isEstablished(definition)) {
      const resource = customResource(definition, storage);
      const table = this.#store.table(id);
      for (const key of [...table.keys()]) {
        const object = table.get(key)?.object;
        if (object !== undefined) this.#remove(resource, id, object);
      }
      if (table.size > 0) {
        const stop = table.watch(() => {
          if (table.size > 0) return;
          stop();
          queueMicrotask(() => this.#release(definition));
        });
        return;
      }
    }
    this.#release(definition);
  }

  #release(definition: KubeObject): void {
    const current = this.#store.table(DEFINITIONS).get(storeKey('', definition.metadata.name))?.object;
    if (current === undefined || current.metadata.uid !== definition.metadata.uid) return;
    const finalizers = (current.metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
    const object = { ...current, metadata: { ...current.metadata, finalizers } };
    if (finalizers.length === 0) this.#store.remove(DEFINITIONS, object);
    else if (finalizers.length !== current.metadata.finalizers?.length) this.#store.put(DEFINITIONS, object);
  }
}

/** Names that other definitions of the same group hold. */
export function nameConflict(store: Store): NameConflict {
  return (definition) => {
    const wanted = objectAt(definition.spec, 'names');
    for (const key of store.table(DEFINITIONS).keys()) {
      const other = store.table(DEFINITIONS).get(key)!.object;
      if (other.metadata.name === definition.metadata.name || !isEstablished(other)) continue;
      if (textAt(other.spec, 'group') !== textAt(definition.spec, 'group')) continue;
      const held = objectAt(other.spec, 'names');
      for (const field of ['singular', 'kind', 'listKind'] as const) {
        const name = textAt(wanted, field);
        if (name !== textAt(held, field)) continue;
        const reason = `${field[0]!.toUpperCase()}${field.slice(1)}Conflict`;
        return { reason, message: `${JSON.stringify(name)} is already in use` };
      }
      const short = arrayAt(wanted, 'shortNames').find((one) => arrayAt(held, 'shortNames').includes(one));
      if (short !== undefined)
        return { reason: 'ShortNamesConflict', message: `${JSON.stringify(short)} is already in use` };
    }
    return null;
  };
}
