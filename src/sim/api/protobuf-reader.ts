/** Reads the wire format of protobuf, field by field. All methods throw RangeError where the bytes end too early. */
/** a number on the wire is a bigint, everything else bytes */
export type ProtobufField = { readonly number: number; readonly value: bigint | Buffer };

export class ProtobufReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  static fields(bytes: Buffer): readonly ProtobufField[] {
    const reader = new ProtobufReader(bytes);
    const all: ProtobufField[] = [];
    while (!reader.done) all.push(reader.field());
    return all;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  field(): ProtobufField {
    const tag = Number(this.#varint());
    const wire = tag & 7;
    const number = tag >> 3;
    if (wire === 0) return { number, value: this.#varint() };
    return { number, value: this.#take(wire === 2 ? Number(this.#varint()) : wire === 1 ? 8 : 4) };
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new RangeError('the protobuf body ends inside a number');
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError('the protobuf body ends inside a field');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
