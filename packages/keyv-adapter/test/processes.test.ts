import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runScript, startScript } from './children.js'
import { majors, makeStore, records, tempDir } from './helpers.js'

/**
 * The limit for a process to end.
 * One that waited for the default `syncIntervalMs` of 1000 would take longer.
 */
const MAX_ENDING_MS = 900

describe.each(majors)('a process that never disconnects, with Keyv $major', ({ major, make }) => {
  const keyvPackage = major === 5 ? 'keyv' : 'keyv6'

  it.each(['returns', 'exits'])('loses nothing and ends promptly when it %s', async (how) => {
    const dir = tempDir()
    const { code, printed } = await runScript('process.mjs', [keyvPackage, dir, how])
    expect(code).toBe(0)
    expect(Number(printed)).toBeLessThan(MAX_ENDING_MS)
    const keyv = make(makeStore(dir), { namespace: 'n' })
    expect(await keyv.getMany(['a', 'b'])).toEqual([1, 2])
  })

  it('is named in the error of a second process, which can read, and write after the first has ended', async () => {
    const dir = tempDir()
    const owner = startScript('process.mjs', [keyvPackage, dir, 'holds'])
    try {
      const [pid] = (await once(owner.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
      const store = makeStore({ dir, lockWaitMs: 0 })
      const keyv = make(store, { namespace: 'n' })
      const errors: unknown[] = []
      keyv.on('error', (error) => errors.push(error))
      expect(await keyv.set('b', 2)).toBe(false)
      expect(errors).toMatchObject([{ code: 'FLATLOG_LOCKED', message: expect.stringContaining(String(pid).trim()) }])
      const readOnly = makeStore({ dir, readOnly: true })
      const reader = make(readOnly, { namespace: 'n' })
      expect(await reader.get('a')).toBe(1)
      const ended = once(owner, 'exit')
      owner.kill('SIGKILL')
      await ended
      expect(await keyv.set('b', 2)).toBe(true)
      expect(await keyv.getMany(['a', 'b'])).toEqual([1, 2])

      // The reader follows the new owner through its compactions.
      const log = await store.open()
      for (let value = 3; value < 6; value++) {
        await keyv.set('b', value)
        await log.compact()
        await keyv.set('c', value)
        await (await readOnly.open()).flush()
        expect(await reader.getMany(['a', 'b', 'c'])).toEqual([1, value, value])
      }
      const refused: unknown[] = []
      reader.on('error', (error) => refused.push(error))
      expect(await reader.set('b', 0)).toBe(false)
      expect(refused).toMatchObject([{ code: 'FLATLOG_READ_ONLY' }])
      expect(await keyv.get('b')).toBe(5)
    } finally {
      owner.kill('SIGKILL')
    }
  })
})

describe('a store without options', () => {
  it('creates the directory .data', async () => {
    const dir = tempDir()
    expect((await runScript('process.mjs', ['keyv', dir, 'defaults'])).code).toBe(0)
    expect(existsSync(join(dir, '.data', 'logs', 'keyv.log'))).toBe(true)
    expect(records(join(dir, '.data'))).toMatchObject([{ key: 'keyv:a', value: 1 }])
  })
})
