import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { FlatlogError, type Store } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, logPath, stateOf } from '../support/files.js'
import { HurriedClock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
useRejectionWatch()

/** A store with a checkpoint, records after it, and a backup. */
async function filled(dir: string): Promise<Record<string, unknown>> {
  const store = await openOn(machine(), { dir })
  await store.set('a', 1)
  await store.set('gone', 1)
  await store.compact()
  await store.delete('gone')
  await store.set('b', 2)
  const state = stateOf(store)
  await store.close()
  return state
}

describe('a place where a store cannot be opened', () => {
  test('a file where the directory should be', async () => {
    const dir = join(directory(), 'file')
    writeFileSync(dir, 'mine')
    await expect(openOn(machine(), { dir })).rejects.toMatchObject({ code: 'FLATLOG_IO', path: dir })
    await expect(openOn(machine(), { dir })).rejects.toThrow(/move away the file that has the name of a directory/)
    expect(readFileSync(dir, 'utf8')).toBe('mine')
  })

  test('a file where the directory logs should be', async () => {
    const dir = directory()
    writeFileSync(join(dir, 'logs'), 'mine')
    await expect(openOn(machine(), { dir })).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    await expect(openOn(machine(), { dir })).rejects.toThrow(/move away/)
    expect(readFileSync(join(dir, 'logs'), 'utf8')).toBe('mine')
  })

  test('a directory where the log should be', async () => {
    const dir = directory()
    mkdirSync(logPath(dir), { recursive: true })
    await expect(openOn(machine(), { dir })).rejects.toMatchObject({ code: 'FLATLOG_IO', path: logPath(dir) })
    expect(fileNames(dir)).toEqual(['store.log'])
  })

  test('a directory where the lock should be', async () => {
    const dir = directory()
    mkdirSync(join(dir, 'logs', 'store.lock'), { recursive: true })
    await expect(openOn(machine(), { dir })).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    expect(fileNames(dir)).toEqual(['store.lock'])
  })

  test('a cycle of symbolic links', async () => {
    const dir = directory()
    mkdirSync(join(dir, 'logs'))
    symlinkSync('store.log', logPath(dir))
    await expect(openOn(machine(), { dir })).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    await expect(openOn(machine(), { dir })).rejects.toThrow(/ELOOP.*What to do/)
  })

  const refusals: [string, string, RegExp][] = [
    ['EACCES', 'makeDirectory', /right to read and write/],
    ['EROFS', 'makeDirectory', /readOnly: true/],
    ['EACCES', 'open', /right to read and write/],
    ['EROFS', 'open', /readOnly: true/],
    ['EMFILE', 'open', /ulimit -n/],
    ['ENFILE', 'open', /on this machine/],
    ['EACCES', 'list', /right to read and write/],
    ['EIO', 'list', /check the disk/],
  ]

  test.each(refusals)('%s at %s is an error with advice, and creates nothing', async (code, kind, advice) => {
    const dir = join(directory(), 'data')
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail(kind as 'open', systemError(code), { times: Number.POSITIVE_INFINITY })
    const opened = openOn(machine({ fileSystem }), { dir })
    await expect(opened).rejects.toBeInstanceOf(FlatlogError)
    await expect(opened).rejects.toMatchObject({ code: 'FLATLOG_IO', path: expect.stringContaining(dir) })
    await expect(opened).rejects.toThrow(advice)
    if (existsSync(join(dir, 'logs'))) expect(readdirSync(join(dir, 'logs'))).toEqual([])
    fileSystem.heal()
    await using store = await openOn(machine({ fileSystem }), { dir })
    expect(store.recovery).toMatchObject({ clean: true, source: 'new' })
  })

  test.each(['EACCES', 'EMFILE', 'EIO'])('a log that cannot be opened (%s) is never treated as new', async (code) => {
    const dir = directory()
    const state = await filled(dir)
    const before = readFileSync(logPath(dir))
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail('open', systemError(code), { on: /store\.log$/ })
    await expect(openOn(machine({ fileSystem }), { dir })).rejects.toMatchObject({
      code: 'FLATLOG_IO',
      path: logPath(dir),
    })
    expect(readFileSync(logPath(dir)).equals(before)).toBe(true)
    expect(fileSystem.openFiles.size).toBe(0)
    await using store = await openOn(machine({ fileSystem }), { dir })
    expect(stateOf(store)).toEqual(state)
  })

  test('a first log for which there is no space leaves no unfinished file', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    fileSystem.shorten(20, { on: /store\.log/ })
    await expect(openOn(machine({ fileSystem }), { dir })).rejects.toMatchObject({ code: 'FLATLOG_NO_SPACE' })
    expect(readdirSync(join(dir, 'logs'))).toEqual([])
    await using store = await openOn(machine({ fileSystem }), { dir })
    expect(store.recovery.source).toBe('new')
  })
})

const EXPECTED_CODES = new Set(['FLATLOG_IO', 'FLATLOG_NO_SPACE', 'FLATLOG_FAILED'])

describe('opening when any one of its calls fails', () => {
  /** The number of calls that an opening makes if none fails. */
  async function callsOf(files: string): Promise<number> {
    const dir = directory()
    cpSync(files, dir, { recursive: true })
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem, clock: new HurriedClock() }), { dir })
    const count = fileSystem.calls.length
    await store.close()
    return count
  }

  const situations: [string, (dir: string) => Promise<Record<string, unknown>>][] = [
    ['a new store', async () => ({})],
    ['a store that was closed', filled],
    [
      'a store with a torn tail',
      async (dir) => {
        const state = await filled(dir)
        rmSync(join(dir, 'logs', 'store.mark'))
        writeFileSync(logPath(dir), Buffer.concat([readFileSync(logPath(dir)), Buffer.from('{"timestamp":"20')]))
        return state
      },
    ],
    [
      'a store whose log is missing, with a backup that is known to be complete',
      async (dir) => {
        const store = await openOn(machine(), { dir })
        await store.set('a', 1)
        await store.compact()
        await store.close()
        rmSync(logPath(dir))
        return { a: 1 }
      },
    ],
  ]

  /** Opens with the nth call failing, then without a failure; returns the faults. */
  async function faultsOf(files: string, state: Record<string, unknown>, nth: number): Promise<string[]> {
    const dir = directory()
    cpSync(files, dir, { recursive: true })
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail('any', systemError(nth % 2 ? 'EIO' : 'ENOSPC'), { nth })
    const system = machine({ fileSystem, clock: new HurriedClock() })
    const faults: string[] = []
    let hasFailed = false
    const name = () =>
      `call ${nth} (${fileSystem.calls[nth - 1]?.kind} ${fileSystem.calls[nth - 1]?.path.slice(dir.length)})`
    const expectState = (store: Store, when: string) => {
      if (!isDeepStrictEqual(stateOf(store), state)) faults.push(`${name()}: another state ${when}`)
    }
    try {
      const store = await openOn(system, { dir })
      expectState(store, 'although it opened')
      await store.close()
    } catch (error) {
      const { code } = error as { code?: string }
      hasFailed = code === 'FLATLOG_FAILED'
      if (!(error instanceof FlatlogError)) faults.push(`${name()}: ${error}`)
      else if (!EXPECTED_CODES.has(code as string)) faults.push(`${name()}: ${code}`)
    }
    for (const file of fileSystem.openFiles) faults.push(`${name()}: ${file.path.slice(dir.length)} was left open`)
    fileSystem.heal()
    const again = await openOn(system, { dir }).catch((error: unknown) => void faults.push(`${name()}: then ${error}`))
    if (!again) return faults
    expectState(again, 'at the next opening')
    // The note of a failed sync replaces what was known of the last close, so the end of a lost log is in doubt.
    const isEndKnown = !hasFailed || again.recovery.source === 'log'
    if (isEndKnown && again.recovery.inDoubt.length) faults.push(`${name()}: keys in doubt`)
    await again.set('next', 1)
    await again.close()
    const { kind, path = '' } = fileSystem.calls[nth - 1] ?? {}
    for (const fileName of fileNames(dir)) {
      // The injected failure itself kept this file from being removed.
      if ((kind === 'remove' || kind === 'status') && path.endsWith(fileName)) continue
      if (/\.(lock|new|first)/.test(fileName))
        faults.push(`${name()}: ${fileName.replace(/[0-9a-f]{16,}/, 'TOKEN')} was left`)
    }
    return faults
  }

  test.each(situations)('%s: opens with its whole state, or rejects and the next open succeeds', async (_, prepare) => {
    const files = directory()
    const state = await prepare(files)
    const calls = await callsOf(files)
    expect(calls).toBeGreaterThan(10)
    const faults: string[] = []
    for (let nth = 1; nth <= calls; nth++) faults.push(...(await faultsOf(files, state, nth)))
    expect(faults).toEqual([])
  })

  /**
   * Closes with the nth call failing.
   * The next open must have all acknowledged writes, even if close rejected.
   */
  async function faultsOfClosing(
    files: string,
    state: Record<string, unknown>,
    nth: number,
  ): Promise<{ faults: string[]; reached: boolean }> {
    const dir = directory()
    cpSync(files, dir, { recursive: true })
    const fileSystem = new FaultyFileSystem()
    const system = machine({ fileSystem, clock: new HurriedClock() })
    const store = await openOn(system, { dir })
    await store.set('acknowledged', 1)
    const before = fileSystem.calls.length
    fileSystem.fail('any', systemError(nth % 2 ? 'EIO' : 'ENOSPC'), { nth })
    const [closed] = await Promise.allSettled([store.close()])
    const call = fileSystem.calls[before + nth - 1]
    const name = `call ${nth} (${call?.kind} ${call?.path.slice(dir.length)})`
    const faults: string[] = []
    if (closed?.status === 'rejected' && !(closed.reason instanceof FlatlogError))
      faults.push(`${name}: ${closed.reason}`)
    for (const file of fileSystem.openFiles) faults.push(`${name}: ${file.path.slice(dir.length)} was left open`)
    fileSystem.heal()
    const again = await openOn(system, { dir }).catch((error: unknown) => void faults.push(`${name}: then ${error}`))
    if (again && !isDeepStrictEqual(stateOf(again), { ...state, acknowledged: 1 }))
      faults.push(`${name}: another state`)
    await again?.close()
    return { faults, reached: call !== undefined }
  }

  test('closing when any one of its calls fails releases the store and loses nothing', async () => {
    const files = directory()
    const state = await filled(files)
    const faults: string[] = []
    for (let nth = 1; ; nth++) {
      const closing = await faultsOfClosing(files, state, nth)
      faults.push(...closing.faults)
      if (!closing.reached) break
    }
    expect(faults).toEqual([])
  })

  test('a log whose sync fails at opening is not trusted by the next open either', async () => {
    const dir = directory()
    const state = await filled(dir)
    const before = readFileSync(logPath(dir))
    const fileSystem = new FaultyFileSystem()
    // After one failed sync the next may succeed, and the page cache has data that the disk does not.
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log$/ })
    await expect(openOn(machine({ fileSystem }), { dir })).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    await using store = await openOn(machine({ fileSystem }), { dir })
    expect(stateOf(store)).toEqual(state)
    const kept = fileNames(dir).filter((fileName) => fileName.startsWith('store.log.damaged.'))
    expect(kept).toHaveLength(1)
    expect(readFileSync(join(dir, 'logs', kept[0] as string)).equals(before)).toBe(true)
  })
})

describe('a full disk', () => {
  test('a store that cannot be opened reports it, can still be read, and opens once there is space', async () => {
    const dir = directory()
    const state = await filled(dir)
    const before = readFileSync(logPath(dir))
    const fileSystem = new FaultyFileSystem()
    fileSystem.shorten(0, { times: Number.POSITIVE_INFINITY })
    const system = machine({ fileSystem })
    await expect(openOn(system, { dir })).rejects.toMatchObject({ code: 'FLATLOG_NO_SPACE' })
    await expect(openOn(system, { dir })).rejects.toThrow(/free some disk space/)
    await using reader = await openOn(system, { dir, readOnly: true })
    expect(stateOf(reader)).toEqual(state)
    expect(readFileSync(logPath(dir)).equals(before)).toBe(true)
    fileSystem.heal()
    await using store = await openOn(system, { dir })
    expect(stateOf(store)).toEqual(state)
  })
})
