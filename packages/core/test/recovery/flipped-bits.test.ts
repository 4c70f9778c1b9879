import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Random } from '../support/random.js'
import { SEED } from '../support/seed.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { backupsOf, bytesOf, closed, copyOf, damagedOf, logOf, look, open, stateOf } from './installation.js'

/** Flips any single bit of a log. */

const makeDir = useTempDirectory()

describe('any single bit', () => {
  /** Sets, deletions and clears, so that every missing record changes the state. */
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
    'flipped, %s: every key is right or in doubt, the damage is reported, and the next open is clean',
    async (_what, withBackup) => {
      const { dir: image, state } = await installation(withBackup)
      const random = new Random(SEED)
      for (let run = 0; run < 40; run++) {
        const dir = copyOf(image)
        const bytes = bytesOf(dir, 'store.log')
        const at = random.below(bytes.length)
        const bit = random.below(8)
        bytes[at]! ^= 1 << bit
        writeFileSync(logOf(dir), bytes)
        const where = `FLATLOG_SEED=${SEED}, run ${run}: bit ${bit} of byte ${at}`
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
