import { expect, test } from 'vitest'
import { nodeFileSystem } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'

/**
 * Values are read from the reopened file if a file must be closed to be renamed.
 * That is so on Windows.
 */

const directory = useTempDirectory()
const options = { mainFile: false, cacheBytes: 0, compaction: false } as const
const closing = () => new FaultyFileSystem(Object.assign(Object.create(nodeFileSystem), { renamesOpenFiles: false }))

test('reads every value after opening, after a compaction, after a failed one, and after a failed write', async () => {
  const dir = directory()
  const fileSystem = closing()
  expect(fileSystem.renamesOpenFiles).toBe(false)
  const store = await openOn(machine({ fileSystem }), { dir, ...options })
  await store.set('a', 1)
  await store.set('b', 2)
  expect(stateOf(store)).toEqual({ a: 1, b: 2 })
  await store.compact()
  await store.set('c', 3)
  expect(stateOf(store)).toEqual({ a: 1, b: 2, c: 3 })
  fileSystem.fail('link', systemError('EIO'), { on: /\.backup\./ })
  await expect(store.compact()).rejects.toMatchObject({ code: 'FLATLOG_IO' })
  expect(stateOf(store)).toEqual({ a: 1, b: 2, c: 3 })
  await store.compact()
  expect(stateOf(store)).toEqual({ a: 1, b: 2, c: 3 })
  fileSystem.fail('sync', systemError('EIO'), { on: /store\.log$/ })
  await expect(store.set('d', 4)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
  await store.reopen()
  await store.set('e', 5)
  expect(stateOf(store)).toMatchObject({ a: 1, b: 2, c: 3, e: 5 })
  await store.close()
  expect(fileSystem.openFiles.size).toBe(0)
  await using again = await openOn(machine({ fileSystem: closing() }), { dir, ...options })
  expect(stateOf(again)).toMatchObject({ a: 1, b: 2, c: 3, e: 5 })
})
