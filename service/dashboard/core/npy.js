// Reads NumPy files: the numbers, and how they lie along the axes.

const TYPES = { "|i1": Int8Array, "|u1": Uint8Array, "<i2": Int16Array, "<u2": Uint16Array, "<i4": Int32Array, "<f4": Float32Array, "<f8": Float64Array };

/** Return `{ data, shape }` of a file in C order; throws where it is something else. */
export function readNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  const [size, start] = bytes[6] === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  const head = new TextDecoder("latin1").decode(bytes.subarray(start, start + size));
  const type = TYPES[/'descr': '([^']+)'/.exec(head)?.[1]];
  if (!type || !head.includes("'fortran_order': False")) throw new Error(`This array cannot be shown: ${head.trim()}`);
  const shape = /'shape': \(([^)]*)\)/.exec(head)[1].split(",").filter((part) => part.trim()).map(Number);
  // A copy, because the numbers may begin where their type cannot.
  return { data: new type(buffer.slice(start + size)), shape };
}
