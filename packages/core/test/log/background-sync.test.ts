import { describe, expect, it } from 'vitest'
import { BackgroundSync, type OpenFile, SYNC_STEP_BYTES } from '../support/core.js'
import { useRejectionWatch } from '../support/rejections.js'
import { turns, watchPromise } from '../support/turns.js'

useRejectionWatch()

/** A file whose syncs end when the test says so. */
function watchedFile() {
  const syncs: { resolve(): void; reject(cause: unknown): void }[] = []
  const sync = () =>
    new Promise<void>((resolve, reject) => {
      syncs.push({ resolve, reject })
    })
  return { syncs, file: { sync } as OpenFile }
}

describe('syncing a file while it is written', () => {
  it('syncs each time the file has grown enough, one sync at a time', async () => {
    const { file, syncs } = watchedFile()
    const sync = new BackgroundSync(file)
    sync.reached(SYNC_STEP_BYTES - 1)
    expect(syncs).toHaveLength(0)
    sync.reached(SYNC_STEP_BYTES)
    sync.reached(5 * SYNC_STEP_BYTES)
    expect(syncs).toHaveLength(1)
    syncs[0]?.resolve()
    await turns()
    sync.reached(2 * SYNC_STEP_BYTES - 1)
    expect(syncs).toHaveLength(1)
    sync.reached(2 * SYNC_STEP_BYTES)
    expect(syncs).toHaveLength(2)
    const end = watchPromise(sync.end())
    await turns()
    expect(end.state).toBe('pending')
    syncs[1]?.resolve()
    await turns()
    expect(end.state).toBe('fulfilled')
  })

  it('gives up after a failed sync, although the next one would succeed', async () => {
    const { file, syncs } = watchedFile()
    const sync = new BackgroundSync(file)
    sync.reached(SYNC_STEP_BYTES)
    syncs[0]?.reject(new Error('pages are lost'))
    await turns()
    expect(() => sync.reached(3 * SYNC_STEP_BYTES)).toThrow('pages are lost')
    await expect(sync.end()).rejects.toThrow('pages are lost')
    expect(syncs).toHaveLength(1)
  })

  it('fails at the end if the last sync fails, and needs no sync if little was written', async () => {
    const { file, syncs } = watchedFile()
    const sync = new BackgroundSync(file)
    await sync.end()
    sync.reached(SYNC_STEP_BYTES)
    const end = sync.end()
    syncs[0]?.reject(new Error('pages are lost'))
    await expect(end).rejects.toThrow('pages are lost')
  })
})
