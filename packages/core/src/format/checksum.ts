import { crc32 } from 'node:zlib'

/** CRC-32, as in zlib, of bytes or of the UTF-8 bytes of a text: 8 hexadecimal digits. */
export function checksum(data: Uint8Array | string): string {
  return formatChecksum(crc32(data))
}

/** The same checksum as a number. */
export function checksumValue(data: Uint8Array | string): number {
  return crc32(data)
}

/** The checksum of bytes that come in pieces. */
export class RunningChecksum {
  #value = 0

  add(bytes: Uint8Array): void {
    this.#value = crc32(bytes, this.#value)
  }

  toString(): string {
    return formatChecksum(this.#value)
  }
}

/** The two digits of each byte. Joining four of them takes a fifth of the time of `toString(16)`. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** A checksum as lines contain it. */
export function formatChecksum(value: number): string {
  return `${HEX[value >>> 24]}${HEX[(value >>> 16) & 0xff]}${HEX[(value >>> 8) & 0xff]}${HEX[value & 0xff]}`
}

/** A checksum whose digits are made only when they are needed: of most records they never are. */
export type LazyChecksum = string | number

export function spellChecksum(crc: LazyChecksum): string {
  return typeof crc === 'number' ? formatChecksum(crc) : crc
}

/** The length of `,"crc":"xxxxxxxx"}`, with which every line of a version 1 file ends. */
export const CHECKSUM_BYTES = 18
const CHECKSUM_START = Buffer.from(',"crc":"')

/** The end of a line: all that follows the bytes that the checksum covers. */
export function endOfLine(crc: string): string {
  return `,"crc":"${crc}"}`
}

export function withChecksum(lineWithoutEnd: string): string {
  return lineWithoutEnd + endOfLine(checksum(lineWithoutEnd))
}

/** The checksum in a line (without its newline) if it matches the line's bytes; otherwise undefined. */
export function validChecksum(line: Buffer): string | undefined {
  const end = line.length - CHECKSUM_BYTES
  if (end <= 0) return undefined
  // A loop: for so few bytes a call costs more.
  for (let at = 0; at < CHECKSUM_START.length; at++) if (line[end + at] !== CHECKSUM_START[at]) return undefined
  if (line[line.length - 2] !== 0x22 || line[line.length - 1] !== 0x7d) return undefined
  const written = hexAt(line, end + CHECKSUM_START.length)
  return crc32(line.subarray(0, end)) === written
    ? line.toString('latin1', line.length - 10, line.length - 2)
    : undefined
}

/** The value of eight lowercase hexadecimal digits; -1 if there is any other byte. */
function hexAt(line: Buffer, start: number): number {
  let value = 0
  for (let at = start; at < start + 8; at++) {
    const byte = line[at] as number
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1
    if (digit === -1) return -1
    value = value * 16 + digit
  }
  return value
}
