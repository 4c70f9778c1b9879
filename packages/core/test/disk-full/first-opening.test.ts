import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesOf, logOf } from '../recovery/installation.js'
import type { Store } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, useSmallDisks } from '../support/small-disk.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { LONG, noSpace } from './places.js'

/** Creating a store or importing format 0 without enough space must change no file. */
const directory = useTempDirectory()
const smallDisk = useSmallDisks()
useRejectionWatch()

const BLOCK = 4096
const legacyLine = '{"timestamp":"2024-01-01T00:00:00.000Z","op":"SET","key":"b","value":2}\n'

const namesIn = (dir: string) => (readdirSync(dir, { recursive: true }) as string[]).sort()

function formatZero(dir: string): void {
  mkdirSync(join(dir, 'logs'), { recursive: true })
  writeFileSync(join(dir, 'store.json'), '{"a":1}')
}

const beginnings: [string, (dir: string) => void, Record<string, unknown>][] = [
  ['a new store', (dir) => mkdirSync(join(dir, 'logs'), { recursive: true }), {}],
  ['a main file of format 0', formatZero, { a: 1 }],
  [
    'a log of format 0',
    (dir) => {
      formatZero(dir)
      writeFileSync(logOf(dir), legacyLine)
    },
    { a: 1, b: 2 },
  ],
]

describe.skipIf(!canMount).each(beginnings)('%s', (_, make, state) => {
  test('is refused without enough space, as often as it is tried, and opens with enough', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    make(dir)
    const before = filesOf(dir)
    let refused = 0
    for (let blocks = 0; ; blocks++) {
      disk.fill()
      disk.giveBack(blocks * BLOCK)
      const fileSystem = new FaultyFileSystem()
      const opened = await openOn(machine({ fileSystem }), { dir, lockWaitMs: 0 }).catch((error: unknown) => error)
      if (opened instanceof Error) {
        refused++
        expect(opened).toMatchObject(noSpace)
        expect(opened.message).toContain('What to do: free some disk space')
        expect(filesOf(dir)).toEqual(before)
        expect(readdirSync(join(dir, 'logs')).filter((name) => name.includes('lock'))).toEqual([])
        expect(fileSystem.openFiles.size).toBe(0)
        continue
      }
      const store = opened as Awaited<ReturnType<typeof openOn>>
      expect(stateOf(store)).toEqual(state)
      disk.fill()
      await expect(store.set('long', LONG)).rejects.toMatchObject(noSpace)
      disk.giveBack()
      await store.set('long', LONG)
      await store.close()
      break
    }
    expect(refused).toBeGreaterThan(1)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ ...state, long: LONG })
    expect(fileNames(dir)).not.toContain('store.log.first')
  })
})

test.each(beginnings)('%s: if the space ends after the log was written, the log is removed', async (_, make, state) => {
  for (const [kind, on] of [
    ['link', /before-flatlog$/],
    ['rename', /store\.log$/],
  ] as const) {
    const dir = directory()
    make(dir)
    const before = namesIn(dir)
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail(kind, systemError('ENOSPC'), { on })
    const opened = await openOn(machine({ fileSystem }), { dir, lockWaitMs: 0 }).catch((error: unknown) => error)
    if (opened instanceof Error) {
      expect(opened).toMatchObject(noSpace)
      // The next opening finds the second names of the imported files again.
      expect(namesIn(dir).filter((name) => !name.includes('before-flatlog'))).toEqual(before)
      expect(fileSystem.openFiles.size).toBe(0)
    } else await (opened as Store).close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(state)
  }
})
