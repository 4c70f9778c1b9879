import { describe, expect, test } from 'vitest'
import { run, useChildren } from '../support/children.js'
import { stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const childPath = useChildren('one-set')

describe('a program that sets one key and does not close the store', () => {
  test.each(['always', 'interval', 'os'])(
    'ends by itself and at once, and the key is stored (%s)',
    async (durability) => {
      const dir = directory()
      const lines: string[] = []
      const { ended } = run(childPath('one-set'), [dir, durability], (line) => lines.push(line))
      expect(await ended).toEqual({ code: 0, signal: null })
      // No timer and no server of the store keeps the process alive.
      expect(lines).toEqual(['ACTIVE []'])
      await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
      expect(stateOf(store)).toEqual({ key: { from: 'a program that just ends' } })
      expect(store.recovery).toMatchObject({ damage: [], inDoubt: [], cutBytes: 0 })
    },
  )

  test('stays alive for a write in flight that it does not await', async () => {
    const dir = directory()
    const { ended } = run(childPath('one-set'), [dir, 'always', 'leave'], () => {})
    expect(await ended).toEqual({ code: 0, signal: null })
    await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(store.size).toBe(1)
  })
})
