/** Events have two APIs and one table: what `events.k8s.io/v1` writes, `v1` shows under its own names of the fields. */
import type { KubeObject } from './object.ts';

export const EVENTS = 'v1/events';

/** the fields that the two name differently: `v1` first */
const NAMES = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const;
const TO_CORE = new Map<string, string>(NAMES.map(([core, own]) => [own, core]));
const TO_OWN = new Map<string, string>(NAMES);

/** @param apiVersion `v1` or `events.k8s.io/v1` */
export function eventIn(apiVersion: string, event: KubeObject): KubeObject {
  if (event.apiVersion === apiVersion) return event;
  const names = apiVersion === 'v1' ? TO_CORE : TO_OWN;
  const fields = Object.entries(event).map(([name, value]) => [names.get(name) ?? name, value] as const);
  return { ...(Object.fromEntries(fields) as KubeObject), apiVersion };
}
