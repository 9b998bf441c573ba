/** What one source says about one node's GPUs. */
import type { Device } from '../../core/gpu/device.ts';

/** most trusted first */
export const SOURCES = ['annotation', 'slices', 'labels'] as const;
export type SourceName = (typeof SOURCES)[number];

export type FaultCode =
  /** somebody wrote what cannot be used */
  | 'inventory-malformed'
  /** slices of a pool are still being published; passes by itself */
  | 'inventory-incomplete';
/** `message` names the node, the field and the remedy. */
export type Fault = { readonly code: FaultCode; readonly message: string };

export type SourceReading =
  | { readonly kind: 'absent' }
  /** ascending by index; [] is a word too: the node has no GPUs */
  | { readonly kind: 'devices'; readonly devices: readonly Device[] }
  | { readonly kind: 'unusable'; readonly fault: Fault };

export const ABSENT: SourceReading = { kind: 'absent' };

export const fault = (code: FaultCode, message: string): Fault => ({ code, message });
