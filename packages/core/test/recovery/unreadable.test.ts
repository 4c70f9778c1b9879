import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FlatlogError, type StoreOptions } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { namesAndSockets } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  backupsOf,
  closed,
  copyOf,
  crashed,
  filesOf,
  linesOf,
  logOf,
  logsOf,
  look,
  markOf,
  open,
  refuses,
  stateOf,
} from './installation.js'

/**
 * A file that cannot be read is an error and never a new store.
 * No file is created or changed.
 */

const makeDir = useTempDirectory()
const STATE = { a: 1, b: 'two' }
const write = async (store: { set(key: string, value: unknown): Promise<void> }) => {
  for (const [key, value] of Object.entries(STATE)) await store.set(key, value)
}

async function refusesOn(fileSystem: FaultyFileSystem, dir: string, options: StoreOptions = {}) {
  const before = filesOf(dir)
  let error: unknown
  try {
    const store = await openOn(machine({ fileSystem }), { dir, mainFile: false, ...options })
    await store.close()
  } catch (caught) {
    error = caught
  }
  expect(error).toMatchObject({ name: 'FlatlogError', code: 'FLATLOG_IO', path: expect.any(String) })
  expect((error as Error).message).toContain('What to do')
  expect([...fileSystem.openFiles].map((file) => file.path)).toEqual([])
  expect(filesOf(dir)).toEqual(before)
  // The lock and its socket are gone.
  expect(namesAndSockets(dir).filter((name) => name.includes('lock'))).toEqual([])
  return error as Error & { path: string; cause: { code: string } }
}

describe('something else in the place of a file is refused', () => {
  it('a directory in the place of the log', async () => {
    const dir = makeDir()
    mkdirSync(logOf(dir), { recursive: true })
    await refuses(dir, 'FLATLOG_IO')
    rmSync(logOf(dir), { recursive: true })
    expect((await look(dir)).state).toEqual({})
  })

  it('a directory in the place of the mark', async () => {
    const dir = await closed(makeDir(), write)
    rmSync(markOf(dir))
    mkdirSync(markOf(dir))
    await refuses(dir, 'FLATLOG_IO')
  })

  it('a directory in the place of the main file, without any other file', async () => {
    const dir = makeDir()
    mkdirSync(join(dir, 'logs'))
    mkdirSync(join(dir, 'store.json'))
    await refuses(dir, 'FLATLOG_IO')
  })

  it('a file in the place of the directory', async () => {
    const dir = makeDir()
    symlinkSync('/dev/null', join(dir, 'data'))
    await expect(open(join(dir, 'data'))).rejects.toMatchObject({ name: 'FlatlogError', code: 'FLATLOG_IO' })
  })

  it('a cycle of symbolic links', async () => {
    const dir = await closed(makeDir(), write)
    rmSync(logOf(dir))
    symlinkSync(logOf(dir), logOf(dir))
    await expect(open(dir)).rejects.toMatchObject({ name: 'FlatlogError', code: 'FLATLOG_IO' })
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  })

  it('a symbolic link to a disk that is not mounted: no new store takes its place', async () => {
    const dir = await crashed(makeDir(), write)
    const elsewhere = join(dir, 'disk')
    mkdirSync(elsewhere)
    renameSync(logOf(dir), join(elsewhere, 'store.log'))
    symlinkSync(join(elsewhere, 'store.log'), logOf(dir))
    expect((await look(dir)).state).toEqual(STATE)
    rmSync(markOf(dir))
    const unmounted = join(dir, 'unmounted')
    renameSync(elsewhere, unmounted)
    await expect(open(dir)).rejects.toMatchObject({ name: 'FlatlogError' })
    renameSync(unmounted, elsewhere)
    expect((await look(dir)).state).toEqual(STATE)
  })
})

describe('the system refuses', () => {
  it.each([
    ['EACCES', 'the log cannot be opened', 'open', /store\.log$/],
    ['EPERM', 'the log cannot be opened', 'open', /store\.log$/],
    ['EMFILE', 'the log cannot be opened', 'open', /store\.log$/],
    ['ENFILE', 'the log cannot be opened', 'open', /store\.log$/],
    ['EIO', 'the log cannot be read', 'read', /store\.log$/],
    ['EIO', 'the status of the log cannot be read', 'status', /store\.log$/],
    ['EACCES', 'the mark cannot be opened', 'open', /store\.mark$/],
    ['EIO', 'the mark cannot be read', 'read', /store\.mark$/],
    ['EMFILE', 'the directory cannot be listed', 'list', /logs$/],
    ['EIO', 'the directory cannot be found', 'realPath', /./],
  ] as const)('%s: %s', async (code, _what, kind, on) => {
    const dir = await closed(makeDir(), write)
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail(kind, systemError(code), { on, times: Number.POSITIVE_INFINITY })
    const error = await refusesOn(fileSystem, dir)
    expect(error.cause.code).toBe(code)
    expect(error.message).toContain(code)
    // Without the fault, the store opens with all its data.
    fileSystem.heal()
    const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
    expect(stateOf(store)).toEqual(STATE)
    expect(store.recovery.clean).toBe(true)
    await store.close()
  })

  it('an older backup is not used if a newer one cannot be read', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await write(store)
      await store.compact()
      await store.set('c', 3)
      await store.compact()
    })
    const [, newest] = backupsOf(dir)
    rmSync(logOf(dir))
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail('open', systemError('EMFILE'), { on: new RegExp(newest!) })
    await refusesOn(fileSystem, dir)
    expect((await look(dir)).state).toEqual({ ...STATE, c: 3 })
  })

  it('a first log that cannot be created leaves no log, and the next open creates it', async () => {
    for (const kind of ['open', 'write', 'sync', 'rename'] as const) {
      const dir = makeDir()
      const fileSystem = new FaultyFileSystem()
      fileSystem.fail(kind, systemError('EACCES'), { on: /store\.log/, times: Number.POSITIVE_INFINITY })
      await expect(openOn(machine({ fileSystem }), { dir })).rejects.toMatchObject({ code: 'FLATLOG_IO' })
      expect(readdirSync(logsOf(dir))).not.toContain('store.log')
      expect([...fileSystem.openFiles].map((file) => file.path)).toEqual([])
      const { state, recovery } = await look(dir)
      expect({ state, clean: recovery.clean, source: recovery.source }).toEqual({
        state: {},
        clean: true,
        source: 'new',
      })
    }
  })
})

describe('any one failing call while a store is opened', () => {
  const withBackup = async () => {
    const dir = await closed(makeDir(), async (store) => {
      await write(store)
      await store.compact()
    })
    rmSync(logOf(dir))
    return dir
  }
  const scenarios: [what: string, make: () => Promise<string>][] = [
    [
      'with a torn tail',
      async () => {
        const dir = await crashed(makeDir(), write)
        append(dir, '{"torn":')
        return dir
      },
    ],
    [
      'with damage',
      async () => {
        const dir = await closed(makeDir(), write)
        append(dir, linesOf(dir)[1]!)
        return dir
      },
    ],
    ['without its log, with a backup', withBackup],
    ['of format 0', async () => formatZero(makeDir())],
  ]

  function formatZero(dir: string): string {
    mkdirSync(logsOf(dir))
    writeFileSync(join(dir, 'store.json'), '{"a":1}')
    writeFileSync(logOf(dir), '{"timestamp":"2024-01-01T00:00:00.000Z","op":"SET","key":"b","value":"two"}\n')
    return dir
  }

  it.each(scenarios)(
    '%s rejects with a FlatlogError, leaves no file open, and loses no record',
    async (_what, make) => {
      const image = await make()
      const faults: string[] = []
      for (let nth = 1; ; nth++) {
        const dir = copyOf(image)
        const fileSystem = new FaultyFileSystem()
        fileSystem.fail('any', systemError('EIO'), { nth })
        let failed: unknown
        try {
          const store = await openOn(machine({ fileSystem }), { dir, compaction: false, lockWaitMs: 0 })
          fileSystem.heal()
          expect(stateOf(store)).toEqual(STATE)
          await store.close()
        } catch (error) {
          failed = error
        }
        const call = fileSystem.calls[nth - 1]
        if (!call) {
          expect(failed).toBeUndefined()
          expect(nth).toBeGreaterThan(20)
          break
        }
        const where = `call ${nth}, ${call.kind} of ${call.path.slice(dir.length)}`
        if (failed && !(failed instanceof FlatlogError)) faults.push(`${where}: rejects with ${failed}`)
        const leftOpen = failed ? [...fileSystem.openFiles] : []
        for (const { path } of leftOpen) faults.push(`${where}: ${path.slice(dir.length)} is left open`)
        // A lock that could not be released must not stop the next open.
        const next = await look(dir, { lockWaitMs: 0 }).catch((error: unknown) => String(error))
        if (typeof next === 'string') faults.push(`${where}: the next opening fails, ${next}`)
        else expect(next.state, where).toEqual(STATE)
      }
      expect(faults).toEqual([])
    },
  )
})
