import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { FlatlogError, type Store } from '../support/core.js'
import { type CallKind, FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { copyAsOfNow, fileNames, logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

/** A store that has been compacted before and has records after its checkpoint. */
async function prepared(fileSystem: FaultyFileSystem, dir: string, options: object = {}): Promise<Store> {
  const clock = new ManualClock()
  const store = await openOn(machine({ fileSystem, clock }), { dir, backups: 1, ...options })
  await store.batch(
    Array.from({ length: 30 }, (_, number) => ({ op: 'SET', key: `k${number}`, value: 'x'.repeat(900) })),
  )
  await store.compact()
  await store.delete('k3')
  await store.set('k4', 'new')
  return store
}

interface Outcome {
  call: string
  /** The code of the error with which the compaction rejected. */
  error: string
  /** Descriptions of everything that is wrong. */
  readonly faults: string[]
}

/** Compacts with the nth call failing, and checks the store and its files afterwards. */
async function compactWithFault(nth: number, errorCode: string, outcome: Outcome): Promise<void> {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const store = await prepared(fileSystem, dir)
  const problems: FlatlogError[] = []
  store.on('problem', (error) => problems.push(error))
  const expected = stateOf(store)
  const check = (isRight: boolean, what: string) => {
    if (!isRight) outcome.faults.push(what)
  }

  const before = fileSystem.calls.length
  fileSystem.fail('any', systemError(errorCode), { nth })
  const compacting = store.compact()
  compacting.catch(() => {})
  const first = store.set('during', 1)
  // A turn later the compaction has begun, so these writes are made while it runs.
  await turns(1)
  const writes: [Promise<unknown>, isThere: () => boolean, (state: Record<string, unknown>) => unknown][] = [
    [first, () => store.has('during'), (state) => Object.assign(state, { during: 1 })],
    [store.set('k6', 'beside'), () => store.get('k6') === 'beside', (state) => Object.assign(state, { k6: 'beside' })],
    [store.delete('k5'), () => !store.has('k5'), (state) => delete state.k5],
  ]
  const [compacted, ...written] = await Promise.allSettled([compacting, ...writes.map(([promise]) => promise)])
  fileSystem.heal()
  const { kind, path } = fileSystem.calls[before + nth - 1] ?? { kind: 'none', path: '' }
  outcome.call = `${kind} ${path.slice(dir.length)}`
  const error = compacted?.status === 'rejected' ? compacted.reason : undefined
  check(error === undefined || error instanceof FlatlogError, `it rejected with ${error}`)
  if (error) outcome.error = error.code

  const hasFailed = !store.health().ok
  // A failure is reported once: by the call, or by the event if the compaction itself had succeeded by then.
  const reports = problems.length + (error && !hasFailed ? 1 : 0)
  check(hasFailed ? reports === 1 : reports <= 1, `it was reported ${reports} times`)
  if (hasFailed) await store.reopen()
  for (const [number, [, isThere, applyTo]] of writes.entries()) {
    // A write that a failed store rejected may be in the log nevertheless.
    if (written[number]?.status === 'fulfilled' || (hasFailed && isThere())) applyTo(expected)
  }
  check(isDeepStrictEqual(stateOf(store), expected), 'wrong state after it')
  check(fileSystem.openFiles.size === 1, `${fileSystem.openFiles.size} files are open`)

  await store.set('after', 1)
  await store.compact()
  expected.after = 1
  check(isDeepStrictEqual(stateOf(store), expected), 'wrong state after the next one')
  check(fileSystem.openFiles.size === 1, `${fileSystem.openFiles.size} files are open after the next one`)
  check((await store.verify()).ok, 'damage')
  check(!fileNames(dir).some((name) => /\.new|\.first/.test(name)), `left over: ${fileNames(dir)}`)
  await using copy = await openOn(machine(), { dir: copyAsOfNow(dir, join(directory(), 'copy')) })
  check(isDeepStrictEqual(stateOf(copy), expected), 'wrong state in the files')
  check(copy.recovery.damage.length === 0, 'damage in the files')
  await store.close()
}

async function callsOfCompaction(): Promise<number> {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  await using store = await prepared(fileSystem, dir)
  const before = fileSystem.calls.length
  const compacting = store.compact()
  const first = store.set('during', 1)
  await turns(1)
  await Promise.all([compacting, first, store.set('k6', 'beside'), store.delete('k5')])
  return fileSystem.calls.length - before
}

describe('a compaction in which any one call fails', () => {
  test.each(['ENOSPC', 'EIO'])('with %s loses nothing and leaks nothing, and the next one works', async (errorCode) => {
    const calls = await callsOfCompaction()
    expect(calls).toBeGreaterThan(30)
    const wrong: string[] = []
    const errors = new Set<string>()
    for (let nth = 1; nth <= calls; nth++) {
      const outcome: Outcome = { call: 'not reached', error: 'none', faults: [] }
      await compactWithFault(nth, errorCode, outcome).catch((error: unknown) => outcome.faults.push(`${error}`))
      for (const fault of outcome.faults) wrong.push(`call ${nth} (${outcome.call}): ${fault}`)
      errors.add(outcome.error)
    }
    expect(wrong).toEqual([])
    expect(errors.has(errorCode === 'ENOSPC' ? 'FLATLOG_NO_SPACE' : 'FLATLOG_IO')).toBe(true)
  })
})

describe('a compaction on demand that fails', () => {
  const cases: [CallKind, RegExp, string][] = [
    ['write', /store\.log\.new$/, 'ENOSPC'],
    ['sync', /store\.log\.new$/, 'EIO'],
    ['open', /store\.log\.new$/, 'EMFILE'],
    ['link', /\.backup\./, 'ENOSPC'],
    ['rename', /store\.log$/, 'EACCES'],
    ['syncDirectory', /logs$/, 'EIO'],
  ]

  test.each(cases)(
    'at %s (%s, %s) rejects, removes the unfinished file, and keeps the old log in use',
    async (kind, on, code) => {
      const dir = directory()
      const fileSystem = new FaultyFileSystem()
      await using store = await prepared(fileSystem, dir)
      const before = fileNames(dir)
      const log = readFileSync(logPath(dir))
      fileSystem.fail(kind, systemError(code), { on })
      await expect(store.compact()).rejects.toMatchObject({
        name: 'FlatlogError',
        code: code === 'ENOSPC' ? 'FLATLOG_NO_SPACE' : 'FLATLOG_IO',
      })
      expect(store.health()).toMatchObject({ ok: true, problems: [] })
      expect(fileNames(dir)).toEqual(before)
      expect(readFileSync(logPath(dir)).equals(log)).toBe(true)
      await store.set('goes on', 1)
      expect(readFileSync(logPath(dir), 'utf8')).toContain('"goes on"')
      await store.compact()
      expect(store.stats()).toMatchObject({ compactions: 2, lastCompactionError: undefined })
    },
  )

  test('removes its unfinished copy on a file system without hard links', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await prepared(fileSystem, dir)
    const before = fileNames(dir)
    fileSystem.fail('link', systemError('EPERM'), { on: /\.backup\./ })
    fileSystem.shorten(10, { on: /\.backup\.|-copy$/ })
    await expect(store.compact()).rejects.toMatchObject({ code: 'FLATLOG_NO_SPACE' })
    // The log is unchanged, so writing continues.
    expect(store.health()).toMatchObject({ ok: true })
    expect(fileNames(dir)).toEqual(before)
    await store.set('goes on', 1)
  })

  test('works without hard links', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await prepared(fileSystem, dir)
    const state = stateOf(store)
    const log = readFileSync(logPath(dir))
    fileSystem.fail('link', systemError('ENOTSUP'), { on: /\.backup\./ })
    await store.compact()
    const backup = fileNames(dir).find((name) => name.includes('.backup.')) as string
    expect(readFileSync(join(dir, 'logs', backup)).equals(log)).toBe(true)
    expect(stateOf(store)).toEqual(state)
  })

  test('after the rename makes the store fail: reads still work, and reopen() reads every record', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await prepared(fileSystem, dir)
    const state = stateOf(store)
    // The sync after the rename: it is unknown which of the two files a power cut would leave.
    fileSystem.fail('syncDirectory', systemError('EIO'), { nth: 2 })
    await expect(store.compact()).rejects.toMatchObject({ name: 'FlatlogError' })
    expect(store.health().ok).toBe(false)
    await expect(store.set('a', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    expect(stateOf(store)).toEqual(state)
    await store.reopen()
    expect(stateOf(store)).toEqual(state)
    await store.set('a', 1)
    await store.compact()
    await store.close()
    expect(fileSystem.openFiles.size).toBe(0)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ ...state, a: 1 })
  })

  test('for lack of space says how much it needs, and changes no file', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await prepared(fileSystem, dir)
    const before = fileNames(dir)
    fileSystem.free = 1000
    await expect(store.compact()).rejects.toMatchObject({ code: 'FLATLOG_NO_SPACE' })
    await expect(store.compact()).rejects.toThrow(/only 1000 are free.*What to do/)
    expect(fileNames(dir)).toEqual(before)
    expect(fileSystem.count('open', /store\.log\.new$/)).toBe(1)
    fileSystem.free = undefined
    await store.compact()
  })
})

describe('a compaction in the background that fails', () => {
  test('is reported once, waits longer each time, and succeeds when it can', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const clock = new ManualClock()
    const options = { dir, compaction: { minBytes: 1000 }, mainFile: false } as const
    await using store = await openOn(machine({ fileSystem, clock }), options)
    const problems: FlatlogError[] = []
    store.on('problem', (error) => problems.push(error))
    const starts = () => fileSystem.count('open', /store\.log\.new$/)
    fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.log\.new$/, times: Number.POSITIVE_INFINITY })

    await store.set('a', 'x'.repeat(2000))
    const settle = async () => {
      while ((store.stats() as { compacting: boolean }).compacting) await turns(1)
    }
    for (const [tries, waitMs] of [
      [1, 0],
      [2, 1000],
      [3, 2000],
      [4, 4000],
    ] as const) {
      // Each record makes it check the time: before the time has come, no number of records starts a compaction.
      for (let number = 0; number < 3; number++) await store.set('b', number)
      clock.advance(Math.max(0, waitMs - 1))
      await settle()
      expect(starts()).toBe(tries === 1 ? 1 : tries - 1)
      clock.advance(1)
      await settle()
      await turns()
      expect(starts()).toBe(tries)
      expect(problems).toHaveLength(tries)
    }
    expect(problems[0]).toMatchObject({ name: 'FlatlogError', code: 'FLATLOG_NO_SPACE' })
    expect(store.health()).toMatchObject({ ok: true })
    expect(store.stats()).toMatchObject({ compactions: 0, lastCompactionError: expect.stringContaining('ENOSPC') })

    fileSystem.heal()
    await store.set('b', 'again')
    clock.advance(8000)
    await settle()
    expect(store.stats()).toMatchObject({ compactions: 1, lastCompactionError: undefined })
    expect(problems).toHaveLength(4)
    expect(stateOf(store)).toEqual({ a: 'x'.repeat(2000), b: 'again' })
  })

  test('does not end the process without a listener', async () => {
    const fileSystem = new FaultyFileSystem()
    const clock = new ManualClock()
    await using store = await openOn(machine({ fileSystem, clock }), {
      dir: directory(),
      compaction: { minBytes: 1000 },
    })
    fileSystem.fail('open', systemError('EACCES'), { on: /store\.log\.new$/ })
    await store.set('a', 'x'.repeat(2000))
    clock.advance(0)
    await turns(10)
    expect(store.health()).toMatchObject({ ok: true, problems: [{ error: { code: 'FLATLOG_IO' } }] })
    expect(store.get('a')).toHaveLength(2000)
  })
})
