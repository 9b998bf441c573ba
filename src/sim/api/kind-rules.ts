/**
 * Where the rules of a kind (resources.ts, `KindRules`) meet a write: reading what a client sent, the last touch before
 * storing, and the refusal. For kinds without rules nothing happens here.
 */
import { badRequest } from './errors.ts';
import { eventIn } from './events.ts';
import { invalidObject, unsupported } from './faults.ts';
import type { JsonObject, KubeObject } from './object.ts';
import { groupVersion, type Resource } from './resources.ts';
import type { Route } from './route.ts';
import { FREE_FORM, type Type } from './types/type.ts';
import { builtInType } from './types/types.ts';

const MODES = ['', 'Ignore', 'Strict', 'Warn'];

/** Throws 422 for a `fieldValidation` that is none. @param options `CreateOptions`, `UpdateOptions` or `PatchOptions` */
export function fieldValidation(query: URLSearchParams, options: string): 'Ignore' | 'Strict' | 'Warn' {
  const mode = query.get('fieldValidation') ?? '';
  if (!MODES.includes(mode))
    throw invalidObject({ kind: options, group: 'meta.k8s.io' }, '', [unsupported('fieldValidation', mode, MODES)]);
  return mode === 'Ignore' || mode === 'Strict' ? mode : 'Warn';
}

/** Refuses (400), warns of or passes over fields that are unknown or named twice, as the request asks. */
export function reportFields(route: Route, faults: readonly string[]): void {
  if (faults.length === 0) return;
  const mode = fieldValidation(route.query, 'CreateOptions');
  if (mode === 'Warn') route.context?.warnings.push(...faults);
  if (mode !== 'Strict') return;
  const { kind, version } = route.resource;
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${faults.join(', ')}`,
  );
}

/** The body as its kind knows it: unknown fields reported and taken out, defaults filled in. */
export function decodedBody(route: Route, body: JsonObject): JsonObject {
  const { rules } = route.resource;
  if (rules === null || route.subresource === 'scale') return body;
  const { object, unknown } = rules.decode(body);
  reportFields(route, [
    ...route.duplicates.map((path) => `duplicate field "${path}"`),
    ...unknown.map((path) => `unknown field "${path}"`),
  ]);
  return object;
}

/** By which type a strategic patch merges; null: custom kinds have none, and are answered with 415. */
export function strategicType(resource: Resource): Type | null {
  const { rules } = resource;
  if (rules !== null) return rules.schema === null ? FREE_FORM : null;
  return builtInType(resource) ?? FREE_FORM;
}

/** A stored object in the version that the request speaks: conversion `None` changes the name of the version only; of the built-in kinds only Events have two. */
export function inVersion(resource: Resource, object: KubeObject): KubeObject {
  const apiVersion = groupVersion(resource);
  if (object.apiVersion === apiVersion) return object;
  return resource.rules === null ? eventIn(apiVersion, object) : { ...object, apiVersion };
}

/** The object as it is stored. Throws 422 with all faults. @param old null at creation */
export function checkedByRules(route: Route, given: KubeObject, old: KubeObject | null): KubeObject {
  const { resource } = route;
  if (resource.rules === null) return given;
  const next = resource.rules.prepared(given, old);
  const faults = resource.rules.faults(next, old, route.subresource);
  if (faults.length > 0) throw invalidObject(resource, next.metadata.name, faults);
  return next;
}
