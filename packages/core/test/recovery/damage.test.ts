import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Random } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  backupsOf,
  bytesOf,
  closed,
  copyOf,
  damagedOf,
  linesOf,
  logOf,
  look,
  offsetOf,
  open,
  quarantinesOf,
  recover,
  refuses,
  replaceLine,
  spoilLine,
  stateOf,
  writeLines,
} from './installation.js'

/** Bad bytes below what is known to be on disk: named, kept, stepped over; what stands before and behind them stays. */

const makeDir = useTempDirectory()

/** Three records behind the header, in lines 2 to 4. */
const three = () =>
  closed(makeDir(), async (store) => {
    await store.set('a', 1)
    await store.set('b', { two: 'zwei' })
    await store.set('c', [3])
  })
const STATE = { a: 1, b: { two: 'zwei' }, c: [3] }

describe('one bad line of three', () => {
  it('is named with file, line, offset, bytes and key; the others are there; its bytes are kept', async () => {
    const dir = await three()
    const place = { line: 3, offset: offsetOf(dir, 3), bytes: linesOf(dir)[2]!.length + 1 }
    spoilLine(dir, 3)
    const spoilt = bytesOf(dir, 'store.log')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, c: [3] })
    expect(recovery).toMatchObject({ clean: false, source: 'log', cutBytes: 0, inDoubt: ['b', 'any'] })
    expect(recovery.damage).toEqual([{ file: 'store.log', ...place, key: 'b' }])
    expect(recovery.notes.join('\n')).toContain('Record 2 of store.log')
    expect(damagedOf(dir)).toEqual(['store.log.damaged.3'])
    expect(bytesOf(dir, 'store.log.damaged.3').equals(spoilt)).toBe(true)
    expect(recovery.notes.join('\n')).toContain('store.log.damaged.3')
  })

  it.each([2, 3, 4])('wherever it stands (line %i)', async (number) => {
    const dir = await three()
    spoilLine(dir, number)
    const { state, recovery } = await recover(dir)
    const key = ['a', 'b', 'c'][number - 2]!
    expect(state).toEqual(Object.fromEntries(Object.entries(STATE).filter(([each]) => each !== key)))
    expect(recovery.damage).toMatchObject([{ line: number, key }])
    expect(recovery.inDoubt).toEqual([key, 'any'])
  })

  it('whose key is bad too: nobody can name it', async () => {
    const dir = await three()
    replaceLine(dir, 3, '\0'.repeat(linesOf(dir)[2]!.length))
    const { recovery } = await recover(dir)
    expect(recovery.damage[0]).not.toHaveProperty('key')
    expect(recovery.inDoubt).toEqual(['any'])
  })

  it('all three of them: the store goes on from its checkpoint, and says so', async () => {
    const dir = await three()
    for (const number of [2, 3, 4]) spoilLine(dir, number)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({})
    expect(recovery.damage).toHaveLength(3)
    expect(recovery.inDoubt).toEqual(['a', 'b', 'c', 'any'])
  })

  it('the last number is not given out again', async () => {
    const dir = await three()
    spoilLine(dir, 4)
    const store = await open(dir)
    await store.set('d', 4)
    await store.close()
    expect(JSON.parse(linesOf(dir).at(-1)!)).toMatchObject({ seq: 4, key: 'd' })
  })
})

describe('one bad line of 10,000', () => {
  it('costs that line', async () => {
    const dir = await closed(makeDir(), (store) =>
      Promise.all(Array.from({ length: 10_000 }, (_, number) => store.set(`k${number}`, number))),
    )
    const place = { line: 5002, offset: offsetOf(dir, 5002), bytes: linesOf(dir)[5001]!.length + 1, key: 'k5000' }
    spoilLine(dir, 5002)
    const { state, recovery } = await recover(dir)
    expect(Object.keys(state)).toHaveLength(9999)
    expect(state).not.toHaveProperty('k5000')
    expect([state.k4999, state.k5001, state.k9999]).toEqual([4999, 5001, 9999])
    expect(recovery.damage).toEqual([{ file: 'store.log', ...place }])
    expect(recovery.inDoubt).toEqual(['k5000', 'any'])
  })
})

describe('what a lost line had said of a key', () => {
  it('an older value of it stands, and is in doubt', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 'old')
      await store.set('a', 'new')
      await store.set('b', 1)
    })
    spoilLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 'old', b: 1 })
    expect(recovery.inDoubt).toContain('a')
  })

  it('its deletion is lost, and it is in doubt', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.delete('a')
      await store.set('b', 1)
    })
    spoilLine(dir, 3)
    const { recovery } = await recover(dir)
    expect(recovery.inDoubt).toContain('a')
  })

  it('a later record of it decides, whatever is lost', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 'old')
      await store.set('a', 'newer')
      await store.delete('a')
    })
    spoilLine(dir, 3)
    expect((await recover(dir)).state).toEqual({})
  })
})

describe('lines that were moved', () => {
  it('doubled: it counts once, and the second is named', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('n', 1)
      await store.delete('n')
      await store.set('b', 1)
    })
    // A SET that counted again behind the DELETE would bring the key back.
    replaceLine(dir, 4, linesOf(dir)[3]!, linesOf(dir)[1]!)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 1 })
    expect(recovery.damage).toMatchObject([{ line: 5, key: 'n' }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('deleted: the place where it stood is named', async () => {
    const dir = await three()
    const offset = offsetOf(dir, 3)
    replaceLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, c: [3] })
    expect(recovery.damage).toEqual([{ file: 'store.log', line: 3, offset, bytes: 0 }])
    expect(recovery.inDoubt).toEqual(['any'])
  })

  it('swapped: they are put in order, nothing is lost, and the place is named', async () => {
    const dir = await closed(makeDir(), async (store) => {
      for (const value of [1, 2, 3]) await store.set('n', value)
    })
    const [header, first, second, third] = linesOf(dir) as string[]
    writeLines(dir, [header!, first!, third!, second!])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ n: 3 })
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
    expect(recovery.damage).not.toEqual([])
    expect(recovery.damage[0]).toMatchObject({
      file: 'store.log',
      line: expect.toSatisfy((line) => line === 3 || line === 4),
    })
  })

  it('without its last newline: nothing is lost, and the place is named', async () => {
    const dir = await three()
    writeFileSync(logOf(dir), bytesOf(dir, 'store.log').subarray(0, -1))
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 4 }])
  })

  it('two lines run into one: both are lost and named', async () => {
    const dir = await three()
    const [header, a, b, c] = linesOf(dir) as string[]
    writeLines(dir, [header!, a! + b!, c!])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ c: [3] })
    expect(recovery.damage).toMatchObject([{ line: 2, key: 'a' }])
    expect(recovery.inDoubt).toContain('any')
  })

  it('in conflict, two different records of one number: the first counts, the other is in doubt', async () => {
    const dir = await three()
    const other = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.set('x', 'other')
    })
    replaceLine(dir, 3, linesOf(dir)[2]!, linesOf(other)[2]!)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.damage).toMatchObject([{ line: 4, key: 'x' }])
    expect(recovery.inDoubt).toEqual(['x'])
  })

  it('garbage between them: named, and nothing is in doubt', async () => {
    const dir = await three()
    replaceLine(dir, 3, 'garbage', linesOf(dir)[2]!)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.damage).toMatchObject([{ line: 3, bytes: 8 }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('a line without a checksum is not trusted, though a person could read it', async () => {
    const dir = await three()
    replaceLine(dir, 3, linesOf(dir)[2]!.replace(/,"crc":"[0-9a-f]{8}"\}$/, '}'))
    expect((await recover(dir)).recovery.damage).toMatchObject([{ line: 3, key: 'b' }])
  })

  it('the newlines turned into those of Windows: everything is bad, nothing of the file is lost', async () => {
    const dir = await three()
    const windows = bytesOf(dir, 'store.log').toString().replaceAll('\n', '\r\n')
    writeFileSync(logOf(dir), windows)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })
})

describe("recovery: 'strict'", () => {
  const damages: [what: string, damage: (dir: string) => void][] = [
    ['a bad line', (dir) => spoilLine(dir, 3)],
    ['a missing line', (dir) => replaceLine(dir, 3)],
    ['a doubled line', (dir) => append(dir, `${linesOf(dir)[1]}\n`)],
    ['garbage between the lines', (dir) => replaceLine(dir, 3, 'garbage', linesOf(dir)[2]!)],
    ['a log that ends below its mark', (dir) => replaceLine(dir, 4)],
    [
      'swapped lines',
      (dir) =>
        writeLines(
          dir,
          [0, 1, 3, 2].map((place) => linesOf(dir)[place]!),
        ),
    ],
    ['a last line without its newline', (dir) => writeFileSync(logOf(dir), bytesOf(dir, 'store.log').subarray(0, -1))],
    ['a bad header', (dir) => spoilLine(dir, 1)],
  ]

  it.each(damages)('%s: refuses and touches nothing', async (_what, damage) => {
    const dir = await three()
    damage(dir)
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it('names the place', async () => {
    const dir = await three()
    spoilLine(dir, 3)
    await expect(open(dir, { recovery: 'strict' })).rejects.toMatchObject({
      path: logOf(dir),
      offset: offsetOf(dir, 3),
      message: expect.stringContaining('line 3'),
    })
  })

  it('opens what is whole, and what has nothing but a torn tail', async () => {
    const dir = await three()
    expect(await look(dir, { recovery: 'strict' })).toMatchObject({ state: STATE, recovery: { clean: true } })
    append(dir, '{"torn')
    expect(await look(dir, { recovery: 'strict' })).toMatchObject({
      state: STATE,
      recovery: { cutBytes: 6, damage: [] },
    })
    expect(quarantinesOf(dir)).toHaveLength(1)
  })
})

describe('a report', () => {
  it('is a copy: nothing that a caller does to it is seen by the next', async () => {
    const dir = await three()
    spoilLine(dir, 3)
    const store = await open(dir)
    store.recovery.damage.length = 0
    store.recovery.inDoubt.push('x')
    expect(store.recovery).toMatchObject({ damage: [{ line: 3 }], inDoubt: ['b', 'any'] })
    await store.close()
  })
})

describe('any single bit', () => {
  /** Values of one key after the other, deletions and clears among them, so that a missing record shows. */
  async function installation(withBackup: boolean) {
    const dir = await closed(makeDir(), async (store) => {
      for (let number = 0; number < 12; number++) await store.set(`k${number % 5}`, { number })
      await store.delete('k3')
      await store.clear({ prefix: 'k4' })
      await store.set('text', 'ü'.repeat(40))
      if (withBackup) {
        await store.compact()
        await store.set('k3', 'again')
        await store.delete('k1')
      }
    })
    return { dir, state: (await look(dir)).state, backups: backupsOf(dir) }
  }

  it.each([
    ['without a backup', false],
    ['with a backup', true],
  ])(
    'flipped, %s: every key is right or in doubt, the flip is reported, and the next opening is clean',
    async (_what, withBackup) => {
      const { dir: image, state } = await installation(withBackup)
      const seed = Number(process.env.FLATLOG_SEED ?? Math.floor(Math.random() * 2 ** 31))
      const random = new Random(seed)
      for (let run = 0; run < 40; run++) {
        const dir = copyOf(image)
        const bytes = bytesOf(dir, 'store.log')
        const at = random.below(bytes.length)
        const bit = random.below(8)
        bytes[at]! ^= 1 << bit
        writeFileSync(logOf(dir), bytes)
        const where = `FLATLOG_SEED=${seed}, run ${run}: bit ${bit} of byte ${at}`
        const { state: found, recovery } = await look(dir)
        expect(recovery.clean, where).toBe(false)
        expect(recovery.damage.length, where).toBeGreaterThan(0)
        for (const key of new Set([...Object.keys(state), ...Object.keys(found)])) {
          if (recovery.inDoubt.includes('any') || recovery.inDoubt.includes(key)) continue
          expect(found[key], `${where}, key ${key}`).toEqual(state[key])
        }
        const store = await open(dir)
        expect(stateOf(store), where).toEqual(found)
        expect(store.recovery, where).toMatchObject({ clean: true, damage: [] })
        await store.close()
        expect(
          damagedOf(dir).some((name) => bytesOf(dir, name).equals(bytes)),
          where,
        ).toBe(true)
      }
    },
  )
})
