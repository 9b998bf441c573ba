/** Every way an object changes, by verb. Each reads the stored object, makes the next one from it and stores that. */
import type { JsonObject, KubeObject } from './object.ts';
import type { Route } from './route.ts';
import type { Version } from './store.ts';
import { bind } from './writes/bind.ts';
import { create } from './writes/create.ts';
import { type Removed, remove } from './writes/delete.ts';
import { evict } from './writes/evict.ts';
import { scaleOf, writeScale } from './writes/scale.ts';
import { finalize, patch, update } from './writes/update.ts';
import { type Asked, stored, type WritesOptions } from './writes/writing.ts';

export type { Admission, ManagedFields } from './writes/writing.ts';

export class Writes {
  readonly #options: WritesOptions;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  /** Throws 404. */
  read(route: Route): Version {
    return stored(this.#options.store, route);
  }

  create(route: Route, body: unknown, by: Asked): Promise<Version> {
    return create(this.#options, route, body, by);
  }

  /** PUT on the object or its status. */
  update(route: Route, body: unknown, by: Asked): Promise<Version> {
    return update(this.#options, route, body, by);
  }

  /** PATCH on the object or its status; an apply may create the object. @param text the body as it came */
  patch(route: Route, contentType: string, text: string, by: Asked): Promise<{ version: Version; created: boolean }> {
    return patch(this.#options, route, contentType, text, by);
  }

  readScale(route: Route): KubeObject {
    return scaleOf(route.resource, this.read(route).object);
  }

  /** @param contentType of a patch; null: the body is the scale itself */
  writeScale(route: Route, contentType: string | null, body: unknown, by: Asked): Promise<KubeObject> {
    return writeScale(this.#options, route, { contentType, body }, by);
  }

  /** What holds a namespace. */
  finalize(route: Route, body: unknown, by: Asked): Promise<Version> {
    return finalize(this.#options, route, body, by);
  }

  bind(route: Route, body: unknown, by: Asked): Promise<void> {
    return bind(this.#options, route, body, by);
  }

  evict(route: Route, body: unknown, by: Asked): void {
    evict(this.#options, route, body, by);
  }

  /** Deletes or, for what has a grace period or finalizers, marks. Returns the object's last state. */
  remove(route: Route, options: JsonObject): Removed {
    return remove(this.#options, route, options);
  }
}
