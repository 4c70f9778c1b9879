import { describe, expect, test } from 'vitest'
import { filesOf } from '../simulation/files.js'
import { stateOf } from '../support/files.js'
import { useRejectionWatch } from '../support/rejections.js'
import { type SharedDisk, useProcesses } from './shared-disk.js'

const sharedDisk = useProcesses()
useRejectionWatch()

const LOG = 'logs/store.log'
const MARK = 'logs/store.mark'

/** Opens a reader, and lets the writer act just before its nth opening of a file. */
async function openedWhile(disk: SharedDisk, path: RegExp, nth: number, act: () => void) {
  let left = nth
  const opened = await disk.reader({}, ({ kind, path: called }) => {
    if (kind === 'open' && path.test(called) && --left === 0) act()
  })
  expect(left).toBeLessThanOrEqual(0)
  return opened.store
}

describe('opening while a writer', () => {
  test('writes and closes before the mark is read reports no record as lost', async () => {
    const disk = sharedDisk()
    const { store: first } = await disk.writer()
    await first.set('a', 1)
    await first.close()
    const before = disk.log
    const { store: second } = await disk.writer()
    await second.set('a', 2)
    await second.set('b', 2)
    await second.close()
    const after = filesOf(disk.machine)
    disk.edit(() => before)
    const store = await openedWhile(disk, /store\.mark$/, 1, () => disk.edit(() => after[LOG] as Buffer))
    expect(store.recovery).toMatchObject({ clean: true, damage: [], inDoubt: [], notes: [] })
    expect(stateOf(store)).toEqual({ a: 2, b: 2 })
  })

  test('compacts, writes and closes before the mark is read starts again with the new file', async () => {
    const disk = sharedDisk()
    const { store: first } = await disk.writer()
    await first.set('a', 1)
    await first.close()
    const before = filesOf(disk.machine)
    const { store: second } = await disk.writer()
    await second.compact()
    await second.set('a', 2)
    await second.close()
    const after = filesOf(disk.machine)
    disk.put({ [LOG]: before[LOG] as Buffer, [MARK]: before[MARK] as Buffer })
    const store = await openedWhile(disk, /store\.mark$/, 1, () =>
      disk.put({ [LOG]: after[LOG] as Buffer, [MARK]: after[MARK] as Buffer }),
    )
    expect(store.recovery).toMatchObject({ clean: true, damage: [], inDoubt: [], notes: [] })
    expect(stateOf(store)).toEqual({ a: 2 })
  })

  test('removes a backup before it is read succeeds', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    await writer.compact()
    await writer.close()
    // Without a mark, the reader looks into every other file.
    disk.byHand((fileSystem, logs) => fileSystem.remove(`${logs}/store.mark`))
    const store = await openedWhile(disk, /store\.log$/, 1, () =>
      disk.byHand((fileSystem, logs) => {
        for (const name of fileSystem.list(logs)) if (name.includes('.backup.')) fileSystem.remove(`${logs}/${name}`)
      }),
    )
    expect(stateOf(store)).toEqual({ a: 1 })
  })
})
