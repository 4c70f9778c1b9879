import { types } from 'node:util'

/**
 * The bytes of what a caller hands over as raw, in memory of their own: the caller may write into its buffer again
 * before they are on disk. Undefined for what is neither bytes nor a view of bytes.
 */
export function copyBytes(value: unknown): Uint8Array | undefined {
  // Asked by kind and not by class, since test runners and workers have classes of their own.
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(Buffer.from(new Uint8Array(value)))
  if (!ArrayBuffer.isView(value)) return undefined
  return new Uint8Array(Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)))
}

/** The same bytes as a `Buffer`, as the drivers for files hand them out. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
