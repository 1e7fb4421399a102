/** A field of text of a protobuf message: its key, its length as a varint, its bytes. */
export function textField(number: number, text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = [(number << 3) | 2];
  let left = length;
  for (; left > 127; left >>>= 7) head.push((left & 127) | 128);
  head.push(left);
  const bytes = Buffer.allocUnsafe(head.length + length);
  bytes.set(head);
  bytes.write(text, head.length);
  return bytes;
}
