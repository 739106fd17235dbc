/* What the page sends: app/panels/encode.py describes the layout. */

const TYPES = {
  f8: Float64Array, f4: Float32Array, i4: Int32Array, u4: Uint32Array,
  i2: Int16Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array,
};

/**
 * Return what was encoded.
 * @param {Uint8Array} bytes
 */
export function decode(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const text = new TextDecoder().decode(bytes.subarray(4, 4 + length));
  const buffer = bytes.slice(4 + length).buffer; // a copy, since a view of numbers has to start at a multiple of 8
  return revived(JSON.parse(text), buffer);
}

function revived(value, buffer) {
  if (Array.isArray(value)) return value.map((item) => revived(item, buffer));
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value.bdata) && value.dtype in TYPES) return numbers(value, buffer);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, revived(item, buffer)]));
}

/** An array of one dimension is JavaScript's own; one of more is what plotly.js makes arrays of by itself. */
function numbers({ dtype, shape, bdata: [offset, size] }, buffer) {
  if (shape !== undefined) return { dtype, shape, bdata: buffer.slice(offset, offset + size) };
  const type = TYPES[dtype];
  return new type(buffer, offset, size / type.BYTES_PER_ELEMENT);
}

/** Return whether two decoded values are equal; NaN is itself here. */
export function same(one, other) {
  if (Object.is(one, other)) return true;
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") return false;
  if (one.constructor !== other.constructor) return false;
  if (one instanceof ArrayBuffer) return same(new Uint8Array(one), new Uint8Array(other));
  if (Array.isArray(one) || ArrayBuffer.isView(one)) {
    if (one.length !== other.length) return false;
    for (let at = 0; at < one.length; at++) if (one[at] !== other[at] && !same(one[at], other[at])) return false;
    return true;
  }
  const names = Object.keys(one);
  return names.length === Object.keys(other).length
    && names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]));
}
