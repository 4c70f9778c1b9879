import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { endOf } from './children.js'
import { majors, makeStore, records, tempDir } from './helpers.js'

/** The default `syncIntervalMs` is 1000: who waited for that at the end would stay longer. */
const LONGEST_STAY_MS = 900

describe.each(majors)('a process that never disconnects, with Keyv $major', ({ major, make }) => {
  const keyvPackage = major === 5 ? 'keyv' : 'keyv6'

  it.each(['returns', 'exits'])('loses nothing and does not hang when it %s', async (how) => {
    const dir = tempDir()
    const { code, printed } = await endOf('process.mjs', [keyvPackage, dir, how])
    expect(code).toBe(0)
    expect(Number(printed)).toBeLessThan(LONGEST_STAY_MS)
    const keyv = make(makeStore(dir), { namespace: 'n' })
    expect(await keyv.getMany(['a', 'b'])).toEqual([1, 2])
  })

  it('is told about by a clear error in a second process, once, read by it, and gives way when it ends', async () => {
    const dir = tempDir()
    const script = fileURLToPath(new URL('children/process.mjs', import.meta.url))
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    const owner = spawn(process.execPath, [script, keyvPackage, dir, 'holds'], {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    try {
      const [pid] = (await once(owner.stdout, 'data')) as [Buffer]
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

      // The reader follows the next owner, through its compactions.
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

describe('without options', () => {
  it('the store stands in .data, and the directory is made', async () => {
    const dir = tempDir()
    expect((await endOf('process.mjs', ['keyv', dir, 'defaults'])).code).toBe(0)
    expect(existsSync(join(dir, '.data', 'logs', 'keyv.log'))).toBe(true)
    expect(records(join(dir, '.data'))).toMatchObject([{ key: 'keyv:a', value: 1 }])
  })
})
