/** What the scripted extenders of the cases answer filter. */
import { type JsonObject, objectAt, textAt } from '../../../src/sim/api/object.ts';

/** of the nodes that are offered by name */
export const names = (body: JsonObject): string[] => (Array.isArray(body.NodeNames) ? body.NodeNames.map(String) : []);
export const podOf = (body: JsonObject): string => textAt(objectAt(objectAt(body, 'Pod'), 'metadata'), 'name');

export const passAll = (body: JsonObject): JsonObject => ({ NodeNames: names(body), FailedNodes: {} });
export const refuseAll = (body: JsonObject, text = 'full'): JsonObject => ({
  NodeNames: [],
  FailedNodes: Object.fromEntries(names(body).map((name) => [name, text])),
});
