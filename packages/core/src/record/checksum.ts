import { crc32 } from 'node:zlib'

/** CRC-32 (the one of zlib, gzip and PNG) over the bytes, or over the UTF-8 bytes of a text, as 8 hex digits. */
export function checksum(data: Uint8Array | string): string {
  return spell(crc32(data))
}

/** The same over bytes that come in pieces. */
export class RunningChecksum {
  #value = 0

  add(bytes: Uint8Array): void {
    this.#value = crc32(bytes, this.#value)
  }

  toString(): string {
    return spell(this.#value)
  }
}

function spell(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/** What every line of a version 1 file ends with: `,"crc":"xxxxxxxx"}`. */
export const CHECKSUM_BYTES = 18
const CHECKSUM_START = Buffer.from(',"crc":"')

/** What follows the bytes that the checksum is of. */
export function endOfLine(crc: string): string {
  return `,"crc":"${crc}"}`
}

export function withChecksum(lineWithoutEnd: string): string {
  return lineWithoutEnd + endOfLine(checksum(lineWithoutEnd))
}

/** The checksum that a line (without its newline) carries and that fits its bytes; undefined where it does not fit. */
export function validChecksum(line: Buffer): string | undefined {
  const end = line.length - CHECKSUM_BYTES
  if (end <= 0 || line.compare(CHECKSUM_START, 0, CHECKSUM_START.length, end, end + CHECKSUM_START.length) !== 0) {
    return undefined
  }
  if (line[line.length - 2] !== 0x22 || line[line.length - 1] !== 0x7d) return undefined
  const written = line.toString('latin1', line.length - 10, line.length - 2)
  return checksum(line.subarray(0, end)) === written ? written : undefined
}
