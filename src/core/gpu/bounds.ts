/**
 * The largest of everything that is read from annotations and node inventories. One table, because what one side accepts
 * the other must be able to read back: a device or request within these bounds gives a claim within them.
 */

/** Memory of one device in MiB (16 TiB); beyond it is a mistake. */
export const MAX_MIB = 2 ** 24;
/** Highest index of a device on its node. */
export const MAX_INDEX = 1023;
/** Different devices one container may ask for. */
export const MAX_COUNT = 128;
/** Containers of one pod that may ask for GPUs. */
export const MAX_CONTAINERS = 64;
/** Characters of one annotation: Kubernetes allows 256 KiB for all annotations of an object together. */
export const MAX_TEXT = 262_144;

/** No comma and no blank: uuids are joined by commas in the environment of containers. */
const UUID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

export const isDeviceUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);
