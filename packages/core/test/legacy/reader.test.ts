import { describe, expect, test } from 'vitest'
import { openAgain } from '../damage/opening.js'
import type { OpenMode } from '../support/core.js'
import { stateOf } from '../support/files.js'
import { LOG, MAIN, memoryDisk, set } from './files.js'

/** A reader takes no lock, so a writer may import the store of format 0 while it reads. */

describe('a log of format 0 that becomes one of version 1 while a reader opens it', () => {
  test('is read again, whenever the writer replaces it', async () => {
    const files = { main: '{"a":1}', log: set('b', 2) }
    const imported = memoryDisk(files)
    await (await openAgain(imported, { mainFile: false })).close()

    for (let nth = 1; ; nth++) {
      const disk = memoryDisk(files)
      const { open } = disk
      let openings = 0
      disk.open = (path: string, mode: OpenMode) => {
        if (path === LOG && ++openings === nth) {
          for (const each of imported.paths) {
            if (each === MAIN) continue
            disk.put(`${each}.tmp`, imported.bytesOf(each))
            disk.rename(`${each}.tmp`, each)
          }
        }
        return open.call(disk, path, mode)
      }
      const store = await openAgain(disk, { readOnly: true })
      const wasImported = openings >= nth
      expect(stateOf(store)).toEqual({ a: 1, b: 2 })
      expect(store.recovery).toMatchObject({ clean: true, source: wasImported ? 'log' : 'older-log' })
      await store.close()
      if (wasImported) continue
      expect(nth).toBeGreaterThan(2)
      break
    }
  })
})
