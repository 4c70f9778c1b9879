import { truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Random } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  bytesOf,
  closed,
  copyOf,
  crashed,
  damagedOf,
  linesOf,
  logOf,
  look,
  offsetOf,
  open,
  quarantinesOf,
  recover,
  writeLines,
} from './installation.js'

/** Tails that a power cut can leave: zeros, old blocks of the disk, half of a write. */

const makeDir = useTempDirectory()
const STATE = { a: 1, b: { text: 'zwei' }, c: [3] }
const write = async (store: { set(key: string, value: unknown): Promise<void> }) => {
  for (const [key, value] of Object.entries(STATE)) await store.set(key, value)
}

function randomBytes(seed: number, length: number): Buffer {
  const random = new Random(seed)
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}

const HALF_SECTOR = 256
const TAILS: [what: string, tail: Buffer][] = [
  ['a block of zeros', Buffer.alloc(4096)],
  ['half a sector of zeros', Buffer.alloc(HALF_SECTOR)],
  ['one zero', Buffer.alloc(1)],
  ['zeros that end in a newline', Buffer.concat([Buffer.alloc(511), Buffer.from('\n')])],
  ['empty lines', Buffer.from('\n\n\n')],
  ['an empty line', Buffer.from('\n')],
  ...[1, 2, 3, 4, 5, 6].map((seed): [string, Buffer] => [
    `4 KiB of random bytes (seed ${seed})`,
    randomBytes(seed, 4096),
  ]),
  ['half a sector of random bytes', randomBytes(7, HALF_SECTOR)],
  ['zeros and then random bytes', Buffer.concat([Buffer.alloc(2048), randomBytes(8, 2048)])],
  ['JSON of another program', Buffer.from('{"hello":"world"}\n[1,2]\n')],
  [
    'a line of format 0, which has no checksum',
    Buffer.from('{"timestamp":"2025-01-15T12:00:00.000Z","op":"SET","key":"a","value":"forged"}\n'),
  ],
  [
    'a record whose checksum does not match',
    Buffer.from(
      '{"timestamp":"2025-01-15T12:00:00.000Z","seq":4,"op":"SET","key":"a","value":"forged","crc":"00000000"}\n',
    ),
  ],
]

describe('after the last record', () => {
  it.each(TAILS)('%s after a crash: cut off, set aside and counted', async (_what, tail) => {
    const dir = await crashed(makeDir(), write)
    const size = bytesOf(dir, 'store.log').length
    append(dir, tail)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, source: 'log', cutBytes: tail.length, damage: [], inDoubt: [] })
    expect(recovery.notes.join('\n')).toContain(`${tail.length} bytes`)
    const [kept] = quarantinesOf(dir)
    expect(kept).toContain(`-${size}`)
    expect(bytesOf(dir, kept!).equals(tail)).toBe(true)
  })

  it.each(TAILS)(
    '%s after a clean close: every record up to the mark is kept, the rest is a torn tail',
    async (_what, tail) => {
      const dir = await closed(makeDir(), write)
      append(dir, tail)
      const { state, recovery } = await recover(dir)
      expect(state).toEqual(STATE)
      expect(recovery).toMatchObject({ clean: false, cutBytes: tail.length, damage: [] })
    },
  )

  it('whole records after garbage are cut off too, because the garbage may have been a record', async () => {
    const image = await crashed(makeDir(), async (store) => {
      await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.set(key, key)))
    })
    const [header, a, b, , d] = linesOf(image) as string[]
    for (const between of ['garbage', '\0'.repeat(512)]) {
      const dir = copyOf(image)
      writeLines(dir, [header!, a!, b!, between, d!])
      const { state, recovery } = await recover(dir)
      expect(state).toEqual({ a: 'a', b: 'b' })
      expect(recovery).toMatchObject({ damage: [], cutBytes: between.length + d!.length + 2 })
    }
  })

  it('zeros over the end of the last record, sector by sector: only that record is lost', async () => {
    const image = await crashed(makeDir(), async (store) => {
      await write(store)
      await store.set('last', 'x'.repeat(1500))
    })
    const size = bytesOf(image, 'store.log').length
    for (let from = size - (size % HALF_SECTOR || HALF_SECTOR); from > size - 1500; from -= HALF_SECTOR) {
      const dir = copyOf(image)
      const bytes = bytesOf(dir, 'store.log')
      writeFileSync(logOf(dir), bytes.fill(0, from))
      expect((await recover(dir)).state).toEqual(STATE)
    }
  })

  it('a bad record that a later one names as synced was on disk: it is damage, not a torn tail', async () => {
    const image = await crashed(makeDir(), async (store) => {
      await write(store)
      await store.set('bad', 1)
      await store.set('whole', 2)
    })
    const lines = linesOf(image)
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ seq: 5, synced: 4 })
    lines[lines.length - 2] = 'garbage'
    writeLines(image, lines)
    const { state, recovery } = await recover(image)
    expect(state).toEqual({ ...STATE, whole: 2 })
    expect(recovery.damage).toHaveLength(1)
    expect(recovery.inDoubt).toContain('any')
  })
})

describe('a tail that a crash cannot leave', () => {
  const MIB = 1024 * 1024

  it('over 16 MiB is damage: the whole file is kept under another name, and the damage is reported', async () => {
    const dir = await crashed(makeDir(), write)
    const size = bytesOf(dir, 'store.log').length
    truncateSync(logOf(dir), size + 16 * MIB + 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, cutBytes: 0 })
    expect(recovery.damage).toEqual([{ file: 'store.log', line: 5, offset: size, bytes: 16 * MIB + 1 }])
    expect(bytesOf(dir, damagedOf(dir)[0]!).length).toBe(size + 16 * MIB + 1)
  })

  it('over 16 MiB may have had records of unknown keys: any key is in doubt', async () => {
    const dir = await crashed(makeDir(), write)
    truncateSync(logOf(dir), bytesOf(dir, 'store.log').length + 16 * MIB + 1)
    expect((await look(dir)).recovery.inDoubt).toContain('any')
  })

  it('does not include a tail of exactly 16 MiB', async () => {
    const dir = await crashed(makeDir(), write)
    truncateSync(logOf(dir), bytesOf(dir, 'store.log').length + 16 * MIB)
    const { recovery } = await look(dir)
    expect(recovery).toMatchObject({ cutBytes: 16 * MIB, damage: [] })
  })

  it('keeps the readable records after it', async () => {
    const dir = await crashed(makeDir(), write)
    const lines = linesOf(dir)
    const place = offsetOf(dir, 3)
    lines[2] = '\0'.repeat(17 * MIB)
    writeLines(dir, lines)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, c: [3] })
    expect(recovery.damage).toEqual([{ file: 'store.log', line: 3, offset: place, bytes: 17 * MIB + 1 }])
    expect(recovery.inDoubt).toContain('any')
  })
})

describe('a store that found a torn tail', () => {
  it('reuses the numbers, and its first record says which records are on disk', async () => {
    const dir = await crashed(makeDir(), write)
    append(dir, '{"torn')
    const store = await open(dir)
    await store.set('next', 1)
    await store.close()
    expect(JSON.parse(linesOf(dir).at(-1)!)).toMatchObject({ seq: 4, synced: 3, key: 'next' })
    expect((await look(dir)).state).toEqual({ ...STATE, next: 1 })
  })
})
