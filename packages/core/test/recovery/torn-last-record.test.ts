import { truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  bytesOf,
  closed,
  copyOf,
  crashed,
  damagedOf,
  linesOf,
  logOf,
  look,
  open,
  quarantinesOf,
  recover,
  stateOf,
} from './installation.js'

/** A torn last line loses at most that one record, at whatever byte it is torn. */

const makeDir = useTempDirectory()
const EARLIER = { first: 1, second: ['é'], third: { emoji: '👩‍🚀' } }
const LAST_KEY = 'ü🔑'

async function writeEarlier(store: { set(key: string, value: unknown): Promise<void> }) {
  for (const [key, value] of Object.entries(EARLIER)) await store.set(key, value)
}

describe('the log is cut inside its last record', () => {
  it('after a crash, at every byte: the torn bytes are set aside, every other record is kept, and writing continues', async () => {
    const image = await crashed(makeDir(), async (store) => {
      await writeEarlier(store)
      await store.set(LAST_KEY, 'ß日')
    })
    const whole = bytesOf(image, 'store.log')
    const lastLine = Buffer.byteLength(linesOf(image).at(-1)!) + 1
    for (let keep = 0; keep < lastLine; keep++) {
      const dir = copyOf(image)
      const size = whole.length - lastLine + keep
      truncateSync(logOf(dir), size)
      const store = await open(dir)
      expect(stateOf(store)).toEqual(EARLIER)
      expect(store.recovery).toMatchObject({ clean: keep === 0, cutBytes: keep, damage: [], inDoubt: [] })
      await store.set('k2', keep)
      await store.close()
      const { state, recovery } = await look(dir)
      expect(state).toEqual({ ...EARLIER, k2: keep })
      expect(recovery.clean).toBe(true)
      const kept = quarantinesOf(dir)
      expect(kept).toHaveLength(keep === 0 ? 0 : 1)
      if (keep > 0) {
        expect(kept[0]).toMatch(new RegExp(`^store\\.log\\.quarantine\\.\\d{8}T\\d{6}Z-${size - keep}$`))
        expect(bytesOf(dir, kept[0]!).equals(whole.subarray(size - keep, size))).toBe(true)
      }
    }
  })

  it('after a clean close, whose mark says that it was whole: reported as damage, and every other record is kept', async () => {
    const image = await closed(makeDir(), async (store) => {
      await writeEarlier(store)
      await store.set(LAST_KEY, 'ü')
    })
    const whole = bytesOf(image, 'store.log')
    const lastLine = Buffer.byteLength(linesOf(image).at(-1)!) + 1
    // Every fourth byte, and the newline alone.
    for (let keep = (lastLine - 1) % 4; keep < lastLine; keep += 4) {
      const dir = copyOf(image)
      truncateSync(logOf(dir), whole.length - lastLine + keep)
      const store = await open(dir)
      // Without its newline the record is still whole.
      const expected = keep === lastLine - 1 ? { ...EARLIER, [LAST_KEY]: 'ü' } : EARLIER
      expect(stateOf(store)).toEqual(expected)
      expect(store.recovery.clean).toBe(false)
      expect(store.recovery.inDoubt.includes('any')).toBe(keep < lastLine - 1)
      await store.set('k2', keep)
      await store.close()
      const { state, recovery } = await look(dir)
      expect(state).toEqual({ ...expected, k2: keep })
      expect(recovery.clean).toBe(true)
      expect(bytesOf(dir, damagedOf(dir)[0]!).equals(whole.subarray(0, whole.length - lastLine + keep))).toBe(true)
    }
  })

  it('of a batch: none of its operations is applied', async () => {
    const image = await crashed(makeDir(), async (store) => {
      await writeEarlier(store)
      await store.batch([
        { op: 'SET', key: 'first', value: 'changed' },
        { op: 'DELETE', key: 'second' },
        { op: 'SET', key: 'ü', value: 'new' },
      ])
    })
    const whole = bytesOf(image, 'store.log')
    const lastLine = Buffer.byteLength(linesOf(image).at(-1)!) + 1
    for (let keep = 0; keep < lastLine; keep += 11) {
      const dir = copyOf(image)
      truncateSync(logOf(dir), whole.length - lastLine + keep)
      expect((await look(dir)).state).toEqual(EARLIER)
    }
  })

  it('of a write of several records: the whole ones are kept', async () => {
    const image = await crashed(makeDir(), async (store) => {
      await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.set(key, key)))
    })
    const whole = bytesOf(image, 'store.log')
    const ends = linesOf(image).map((_, index, lines) => lines.slice(0, index + 1).join('\n').length + 1)
    for (let size = ends[0]!; size <= whole.length; size += 13) {
      const dir = copyOf(image)
      truncateSync(logOf(dir), size)
      const there = ends.filter((end) => end <= size).length - 1
      expect(Object.keys((await look(dir)).state)).toEqual(['a', 'b', 'c', 'd'].slice(0, there))
    }
  })
})

describe('a torn line', () => {
  it('is not joined to the next record when a crash follows at once', async () => {
    const image = await crashed(makeDir(), writeEarlier)
    truncateSync(logOf(image), bytesOf(image, 'store.log').length - 5)
    const next = await crashed(image, (store) => store.set('k2', 2))
    expect((await recover(next)).state).toEqual({ first: 1, second: ['é'], k2: 2 })
  })

  it('cut off twice at the same place leaves both pieces: no file that was set aside is overwritten', async () => {
    const image = await crashed(makeDir(), writeEarlier)
    const whole = bytesOf(image, 'store.log')
    for (const cut of [5, 6, 7]) {
      writeFileSync(logOf(image), whole.subarray(0, whole.length - cut))
      await look(image)
    }
    const kept = quarantinesOf(image).map((name) => bytesOf(image, name).length)
    const lastLine = Buffer.byteLength(linesOf(image).at(-1)!)
    expect(lastLine).toBeGreaterThan(0)
    expect(kept).toHaveLength(3)
    expect(new Set(kept).size).toBe(3)
  })
})
