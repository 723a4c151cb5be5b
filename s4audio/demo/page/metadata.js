// The metadata of an ONNX file, which onnxruntime-web does not hand out.
//
// The file is a protobuf message: fields of a number, a wire type and a value. Of its fields only
// metadata_props is read, pairs of a key and a value; the graph before it is skipped by its length.

const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/**
 * @param {Uint8Array} bytes - the file
 * @returns {Map<string, string>} its metadata
 * @throws {RangeError} the bytes are no protobuf message, or end too early
 */
export function readMetadata(bytes) {
  const metadata = new Map();
  const text = new TextDecoder();
  for (const [number, property] of fields(bytes)) {
    if (number !== METADATA_PROPS) continue;
    const pair = new Map(fields(property));
    metadata.set(text.decode(pair.get(KEY)), text.decode(pair.get(VALUE)));
  }
  return metadata;
}

/** Number and bytes of each field; numbers have no bytes. */
function* fields(message) {
  let at = 0;

  function varint() {
    let value = 0;
    for (let scale = 1; at < message.length; scale *= 128) {
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError('the message ends inside a number');
  }

  function take(length) {
    if (length > message.length - at) throw new RangeError('the message ends inside a field');
    at += length;
    return message.subarray(at - length, at);
  }

  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: varint(); yield [number, undefined]; break;
      case 1: take(8); yield [number, undefined]; break;
      case 2: yield [number, take(varint())]; break;
      case 5: take(4); yield [number, undefined]; break;
      default: throw new RangeError(`no protobuf field has the type ${tag % 8}`);
    }
  }
}
