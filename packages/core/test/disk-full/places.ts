import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { append, damagedOf, logOf, markOf, quarantinesOf, replaceLine, spoilLine } from '../recovery/installation.js'
import type { Puppet } from '../support/children.js'
import type { Store, StoreOptions } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'

/** The files of a store on a disk that then becomes full. */
export interface Place {
  /** Makes the files, and returns the state of the store. */
  make(dir: string, startPuppet: () => Puppet): Promise<Record<string, unknown>>
  /** The log must be repaired, which takes more space than the lock. */
  readonly needsRepair: boolean
  /** The lock holds a note of a failure, which stays until the log is repaired. */
  readonly hasNote?: boolean
  /** Unfinished files that every opening removes. */
  readonly leftover?: string[]
  /** The files that the repair makes next to the log. */
  kept?(dir: string): string[]
}

/** Does not fit into the rest of the last block of a file. */
export const LONG = 'x'.repeat(10_000)
export const noSpace = { name: 'FlatlogError', code: 'FLATLOG_NO_SPACE' }

/** The error of an opening without space for the lock. */
export const lockAdvice =
  /no space left for the lock .*What to do: free some disk space, or open the store with readOnly: true/

export const VALUES = { a: 1, b: { two: 'zwei' }, c: [3] }

/** Every file of a directory with its bytes, the lock and sockets included. */
export function allFilesOf(dir: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const name of readdirSync(dir, { recursive: true }) as string[]) {
    const path = join(dir, name)
    files[name] = statSync(path).isFile() ? readFileSync(path, 'base64') : 'not a file'
  }
  return files
}

async function write(store: Pick<Store, 'set'>): Promise<void> {
  for (const [key, value] of Object.entries(VALUES)) await store.set(key, value)
}

export async function closed(dir: string, options: StoreOptions = {}): Promise<Record<string, unknown>> {
  const store = await openOn(machine(), { dir, ...options })
  await write(store)
  await store.close()
  return VALUES
}

async function killed(dir: string, startPuppet: () => Puppet): Promise<Record<string, unknown>> {
  const puppet = startPuppet()
  await puppet.call('open', { dir })
  await write({ set: (key, value) => puppet.call('set', key, value) })
  await puppet.killAndWait()
  return VALUES
}

/** Records in a checkpoint of several parts, in a backup, and after the checkpoint. */
async function compacted(dir: string): Promise<Record<string, unknown>> {
  const store = await openOn(machine(), { dir, mainFile: false })
  await store.replace(Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, 'v'.repeat(900)])))
  await store.compact()
  await write(store)
  const state = stateOf(store)
  await store.close()
  return state
}

export const PLACES: [string, Place][] = [
  ['that was closed', { make: (dir) => closed(dir), needsRepair: false }],
  ['left by an owner that was killed', { make: killed, needsRepair: false }],
  [
    'with a torn tail, left by an owner that was killed',
    {
      async make(dir, startPuppet) {
        const state = await killed(dir, startPuppet)
        append(dir, '{"timestamp":"2025-01-15T12:00:00.000Z","seq":4,"op":"SET","key":"to')
        return state
      },
      needsRepair: true,
      kept: quarantinesOf,
    },
  ],
  [
    'with a torn tail, left by an owner that was killed after a compaction had filled the disk',
    {
      async make(dir, startPuppet) {
        const state = await killed(dir, startPuppet)
        append(dir, '{"timestamp":"2025-01-15T12:00:00.000Z","seq":4,"op":"SET","key":"to')
        writeFileSync(`${logOf(dir)}.new`, Buffer.alloc(4096))
        return state
      },
      // The file of the compaction takes the space that the repair needs.
      needsRepair: false,
      leftover: ['logs/store.log.new'],
      kept: quarantinesOf,
    },
  ],
  [
    'without its mark',
    {
      async make(dir) {
        const state = await closed(dir)
        rmSync(markOf(dir))
        return state
      },
      needsRepair: false,
    },
  ],
  [
    'with a damaged mark',
    {
      async make(dir) {
        const state = await closed(dir)
        writeFileSync(markOf(dir), 'no mark\n')
        return state
      },
      needsRepair: false,
    },
  ],
  [
    'with a line that occurs twice',
    {
      async make(dir) {
        const state = await closed(dir)
        const lines = readFileSync(logOf(dir), 'utf8').split('\n')
        replaceLine(dir, 3, lines[2] as string, lines[2] as string)
        return state
      },
      needsRepair: true,
      kept: damagedOf,
    },
  ],
  [
    'with a part of its checkpoint that a backup heals',
    {
      async make(dir) {
        const state = await compacted(dir)
        spoilLine(dir, 3)
        return state
      },
      needsRepair: true,
      kept: damagedOf,
    },
  ],
  [
    'whose last owner met a failure',
    {
      async make(dir) {
        await closed(dir)
        const fileSystem = new FaultyFileSystem()
        const store = await openOn(machine({ fileSystem }), { dir })
        fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
        await expect(store.set('a', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
        await store.close()
        return VALUES
      },
      needsRepair: true,
      hasNote: true,
      kept: damagedOf,
    },
  ],
  [
    'without its log, with a backup',
    {
      async make(dir) {
        const store = await openOn(machine(), { dir, mainFile: false })
        await write(store)
        await store.compact()
        await store.close()
        rmSync(logOf(dir))
        return VALUES
      },
      needsRepair: true,
    },
  ],
  [
    'whose log has no readable line, with a backup',
    {
      async make(dir) {
        const store = await openOn(machine(), { dir, mainFile: false })
        await write(store)
        await store.compact()
        await store.close()
        writeFileSync(logOf(dir), 'garbage\n'.repeat(100))
        return VALUES
      },
      needsRepair: true,
      kept: damagedOf,
    },
  ],
  [
    'whose log is empty, with a finished new generation',
    {
      async make(dir) {
        const state = await closed(dir)
        renameSync(logOf(dir), `${logOf(dir)}.new`)
        appendFileSync(logOf(dir), '')
        return state
      },
      needsRepair: false,
    },
  ],
]
