import type { Random } from '../support/random.js'
import { splitLines } from './lines.js'
import type { MemoryDisk } from './memory-disk.js'
import { DIR } from './opening.js'
import { backupsOf, LOG, MAIN, MARK, type Subject } from './subjects.js'

/** Kinds of damage to the bytes of a file, and to whole files. */

export interface Damage {
  readonly path: string
  readonly kind: Kind
  readonly what: string
}

export const KINDS = [
  'flip',
  'zeros',
  'garbage',
  'cut',
  'deleted lines',
  'doubled line',
  'swapped lines',
  'inserted',
  'missing',
  'empty',
  'replaced',
] as const
export type Kind = (typeof KINDS)[number]

/** The frequency of each kind, in percent. */
const WEIGHTS: Readonly<Record<Kind, number>> = {
  flip: 44,
  zeros: 10,
  garbage: 4,
  cut: 10,
  'deleted lines': 8,
  'doubled line': 4,
  'swapped lines': 4,
  inserted: 4,
  missing: 4,
  empty: 1,
  replaced: 7,
}

type Change = (bytes: Buffer, random: Random) => { bytes: Buffer; what: string }

const CHANGES: Readonly<Record<Exclude<Kind, 'missing' | 'empty' | 'replaced'>, Change>> = {
  flip(bytes, random) {
    const at = anyByte(bytes, random)
    const bit = random.below(8)
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ (1 << bit)
    return { bytes: changed, what: `bit ${bit} of byte ${at}` }
  },
  zeros(bytes, random) {
    const size = random.pick([512, 4096])
    const from = random.below(Math.ceil(bytes.length / size)) * size
    return {
      bytes: Buffer.from(bytes).fill(0, from, Math.min(from + size, bytes.length)),
      what: `${size} bytes from ${from}`,
    }
  },
  garbage(bytes, random) {
    const from = anyByte(bytes, random)
    const garbage = randomBytes(random, 1 + random.below(600)).subarray(0, bytes.length - from)
    const changed = Buffer.from(bytes)
    garbage.copy(changed, from)
    return { bytes: changed, what: `${garbage.length} bytes from ${from}` }
  },
  cut(bytes, random) {
    const lines = splitLines(bytes)
    const at = random.below(3) === 0 ? random.pick(lines).offset : anyByte(bytes, random)
    return { bytes: bytes.subarray(0, at), what: `at byte ${at}` }
  },
  'deleted lines'(bytes, random) {
    const lines = splitLines(bytes)
    const from = random.below(lines.length)
    const count = random.below(3) === 0 ? 1 + random.below(lines.length - from) : 1
    return { bytes: joined([...lines.slice(0, from), ...lines.slice(from + count)]), what: `${count} from ${from + 1}` }
  },
  'doubled line'(bytes, random) {
    const lines = splitLines(bytes)
    const from = random.below(lines.length)
    const to = random.below(2) === 0 ? from + 1 : random.below(lines.length + 1)
    const line = lines[from] as { bytes: Buffer }
    return { bytes: joined([...lines.slice(0, to), line, ...lines.slice(to)]), what: `${from + 1} after ${to}` }
  },
  'swapped lines'(bytes, random) {
    const lines = splitLines(bytes)
    const one = random.below(lines.length)
    const other = random.below(2) === 0 ? Math.min(one + 1, lines.length - 1) : random.below(lines.length)
    const swapped = lines.map((line, at) => lines[at === one ? other : at === other ? one : at] ?? line)
    return { bytes: joined(swapped), what: `${one + 1} and ${other + 1}` }
  },
  inserted(bytes, random) {
    const lines = splitLines(bytes)
    const at = random.below(3) === 0 ? anyByte(bytes, random) : random.pick(lines).offset
    const text = random.pick(['\n', '# a note\n', '\0'.repeat(512), '{"hello":"world"}\n', '\ufeff', ' '])
    const bit = random.below(4) === 0 ? randomBytes(random, 1 + random.below(100)) : Buffer.from(text)
    return {
      bytes: Buffer.concat([bytes.subarray(0, at), bit, bytes.subarray(at)]),
      what: `${bit.length} bytes at ${at}`,
    }
  },
}

/** A byte of a random line, so that newlines and headers are hit often enough. */
function anyByte(bytes: Buffer, random: Random): number {
  if (random.below(2) === 0) return random.below(bytes.length)
  const line = random.pick(splitLines(bytes))
  return line.offset + random.below(line.bytes.length)
}

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}

function joined(lines: readonly { readonly bytes: Buffer }[]): Buffer {
  return Buffer.concat(lines.map((line) => line.bytes))
}

/** A random file of the store; the log and the mark more often than each of the others. */
function anyPath(disk: MemoryDisk, random: Random): string {
  const backups = backupsOf(disk)
  const dice = random.below(100)
  if (dice < 55) return LOG
  if (dice < 75 && backups.length) return random.pick(backups)
  return dice < 88 ? MARK : MAIN
}

function anyKind(random: Random): Kind {
  let dice = random.below(100)
  for (const kind of KINDS) {
    dice -= WEIGHTS[kind]
    if (dice < 0) return kind
  }
  return 'flip'
}

/** Damages one file and describes the damage; undefined if that changed nothing. */
export function damage(disk: MemoryDisk, subject: Subject, foreign: MemoryDisk, random: Random): Damage | undefined {
  const path = anyPath(disk, random)
  const kind = anyKind(random)
  if (!disk.has(path)) return undefined
  const before = disk.bytesOf(path)
  const what = change(disk, subject, foreign, path, kind, random)
  if (what === undefined || (disk.has(path) && disk.bytesOf(path).equals(before))) return undefined
  return { path, kind, what: `${path.slice(DIR.length + 1)}: ${kind}: ${what}` }
}

function change(
  disk: MemoryDisk,
  subject: Subject,
  foreign: MemoryDisk,
  path: string,
  kind: Kind,
  random: Random,
): string | undefined {
  const bytes = disk.bytesOf(path)
  if (kind === 'missing') {
    disk.remove(path)
    return 'the file'
  }
  if (kind === 'empty') {
    disk.put(path, Buffer.alloc(0))
    return 'the file'
  }
  if (kind === 'replaced') return replace(disk, subject, foreign, path, random)
  if (bytes.length === 0) return undefined
  const { bytes: changed, what } = CHANGES[kind](bytes, random)
  disk.put(path, changed)
  return what
}

/** Replaces a file by an earlier one, by that of another store, or by another of the store. */
function replace(
  disk: MemoryDisk,
  subject: Subject,
  foreign: MemoryDisk,
  path: string,
  random: Random,
): string | undefined {
  const [source, name] = random.pick([
    [subject.earlier, 'earlier'],
    [foreign, 'foreign'],
    [disk, 'own'],
  ] as const)
  const isBackup = path.includes('.log.backup.')
  const backups = backupsOf(source)
  const from = name === 'own' ? random.pick([...backups, LOG, MARK, MAIN]) : isBackup ? random.pick(backups) : path
  if (from === undefined || !source.has(from)) return undefined
  const other = source.bytesOf(from)
  if (name === 'own' && random.below(3) === 0) disk.put(from, disk.bytesOf(path))
  disk.put(path, other)
  return `${name} ${from.slice(DIR.length + 1)}`
}
