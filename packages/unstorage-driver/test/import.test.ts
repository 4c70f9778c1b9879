import { createStorage as createStorage1, type Driver, prefixStorage } from 'unstorage'
import fs1 from 'unstorage/drivers/fs'
import memory1 from 'unstorage/drivers/memory'
import { createStorage as createStorage2 } from 'unstorage2'
import fs2 from 'unstorage2/drivers/fs'
import memory2 from 'unstorage2/drivers/memory'
import { describe, expect, it } from 'vitest'
import { type ImportProgress, importStorage } from '../src/index.js'
import { majors, makeDriver, records, tempDir } from './helpers.js'

const sources = {
  1: {
    fs: (base: string) => createStorage1({ driver: fs1({ base }) }),
    memory: () => createStorage1({ driver: memory1() }),
  },
  2: {
    fs: (base: string) => createStorage2({ driver: fs2({ base }) }) as never as ReturnType<typeof createStorage1>,
    memory: () => createStorage2({ driver: memory2() }) as never as ReturnType<typeof createStorage1>,
  },
}

const BINARY = Buffer.from([0, 200, 255])

describe.each(majors)('moving in with unstorage $major', ({ major, make }) => {
  it('copies a directory of files: text as text, JSON as JSON, bytes as bytes, and what setMeta was given', async () => {
    const from = sources[major].fs(tempDir())
    await from.setItem('users:1', { name: 'Ada' })
    await from.setItem('notes:today', 'plain text')
    await from.setItemRaw('images:logo', BINARY)
    await from.setMeta('users:1', { owner: 'me' })
    const base = tempDir()
    const to = make(makeDriver({ base }))
    const progress: ImportProgress[] = []
    const result = await importStorage(from, to, { onProgress: (each) => progress.push({ ...each }) })
    expect(result).toEqual({ found: 3, copied: 3, kept: 0, gone: 0 })
    expect(progress).toEqual([
      { phase: 'copy', done: 1, total: 3 },
      { phase: 'copy', done: 2, total: 3 },
      { phase: 'copy', done: 3, total: 3 },
      { phase: 'compare', done: 3, total: 3 },
    ])
    expect((await to.getKeys()).sort()).toEqual((await from.getKeys()).sort())
    expect(await to.getItem('users:1')).toEqual({ name: 'Ada' })
    expect(await to.getItem('notes:today')).toBe('plain text')
    expect(await to.getItemRaw('images:logo')).toEqual(BINARY)
    expect((await to.getMeta('users:1')).owner).toBe('me')
    expect(records(base)).toContainEqual(expect.objectContaining({ key: 'users:1', value: { name: 'Ada' } }))
    expect(records(base)).toContainEqual(expect.objectContaining({ key: 'images:logo', encoding: 'base64' }))
  })

  it('keeps bytes that could be text as bytes where the source tells them apart, and live values', async () => {
    const from = sources[major].memory()
    await from.setItemRaw('bytes', Buffer.from('ascii'))
    await from.setItem('text', 'ascii')
    await from.setItemRaw('live', { nested: [1] })
    const to = make(makeDriver({ base: tempDir() }))
    await importStorage(from, to)
    expect(await to.getItemRaw('bytes')).toEqual(Buffer.from('ascii'))
    expect(await to.getItemRaw('text')).toBe('ascii')
    expect(await to.getItem('live')).toEqual({ nested: [1] })
  })

  it('copies from one mount to another, as frameworks hand them out', async () => {
    const base = tempDir()
    const storage = sources[major].memory()
    const files = sources[major].fs(tempDir()).getMount('').driver
    storage.mount('old', files).mount('new', makeDriver({ base }))
    const [from, to] = [prefixStorage(storage, 'old'), prefixStorage(storage, 'new')]
    await from.setItem('users:1', { name: 'Ada' })
    await from.setItemRaw('image', BINARY)
    expect(await importStorage(from, to)).toMatchObject({ found: 2, copied: 2 })
    expect(records(base)).toContainEqual(expect.objectContaining({ key: 'users:1', value: { name: 'Ada' } }))
    expect(await storage.getItemRaw('new:image')).toEqual(BINARY)
  })

  it('goes on after it was broken off, and leaves alone what is there', async () => {
    const from = sources[major].memory()
    for (let index = 0; index < 200; index++) await from.setItem(`k:${index}`, index)
    const to = make(makeDriver({ base: tempDir(), durability: 'os' }))
    await to.setItem('k:0', 'newer')
    const breakOff = ({ done }: ImportProgress) => {
      if (done === 70) throw new Error('the power went')
    }
    await expect(importStorage(from, to, { onProgress: breakOff })).rejects.toThrow('the power went')
    const copied = (await to.getKeys()).length - 1
    expect(copied).toBeGreaterThanOrEqual(69)
    expect(copied).toBeLessThan(150)
    expect(await importStorage(from, to)).toEqual({
      found: 200,
      copied: 199 - copied,
      kept: copied + 1,
      gone: 0,
    })
    expect(await to.getItem('k:0')).toBe('newer')
    for (let index = 1; index < 200; index++) expect(await to.getItem(`k:${index}`)).toBe(index)
    await from.setItem('k:5', 'changed')
    expect(await importStorage(from, to, { overwrite: true })).toMatchObject({ found: 200, copied: 200, kept: 0 })
    expect([await to.getItem('k:0'), await to.getItem('k:5')]).toEqual([0, 'changed'])
  })

  it('keeps the rest of a ttl, and takes what is below a base only', async () => {
    const from = make(makeDriver({ base: tempDir() }))
    await from.setItem('a:short', 1, { ttl: 100 })
    await from.setItem('a:ever', 2)
    await from.setItem('b:other', 3)
    const to = make(makeDriver({ base: tempDir() }))
    expect(await importStorage(from, to, { base: 'a' })).toMatchObject({ found: 2, copied: 2 })
    expect(await to.getKeys()).toEqual(['a:ever', 'a:short'])
    expect((await to.getMeta('a:short')).ttl).toBeGreaterThan(90)
    expect(await to.getMeta('a:ever')).not.toHaveProperty('ttl')
  })
})

/** A source with the given items, in which something goes wrong. */
function flawed(keys: string[], getItemRaw: (key: string) => unknown): Driver {
  return { getKeys: () => keys, getItem: () => null, getItemRaw, hasItem: () => true }
}

describe('an import', () => {
  it('counts what has left the source meanwhile', async () => {
    const from = createStorage1({ driver: flawed(['a', 'b'], (key) => (key === 'a' ? 'v' : null)) })
    const to = createStorage1({ driver: makeDriver({ base: tempDir() }) })
    expect(await importStorage(from, to)).toEqual({ found: 1, copied: 1, kept: 0, gone: 1 })
  })

  it('takes for newer what is written while it runs', async () => {
    const to = createStorage1({ driver: makeDriver({ base: tempDir() }) })
    const read = async (key: string) => {
      if (key === 'a') await to.setItem('a', 'newer')
      return key.endsWith('$') ? null : 'older'
    }
    const from = createStorage1({ driver: flawed(['a', 'b'], read) })
    expect(await importStorage(from, to)).toEqual({ found: 2, copied: 1, kept: 1, gone: 0 })
    expect(await to.getItem('a')).toBe('newer')
  })

  it('says at which key it stopped and what to do', async () => {
    const from = createStorage1({
      driver: flawed(['good', 'data:bad'], (key) => {
        if (key === 'data:bad') throw new Error('unreadable.')
        return key.endsWith('$') ? null : 'v'
      }),
    })
    const to = createStorage1({ driver: makeDriver({ base: tempDir() }) })
    await expect(importStorage(from, to)).rejects.toThrow(
      /^\[unstorage\] \[flatlog\] The import stopped at key "data:bad": unreadable\. What to do: /,
    )
  })

  it('compares at the end, and names what is missing', async () => {
    const from = createStorage1({ driver: flawed(['a', 'b'], (key) => (key.endsWith('$') ? null : 'v')) })
    const to = createStorage1({ driver: { ...makeDriver({ base: tempDir() }), getKeys: () => ['b'] } })
    await expect(importStorage(from, to)).rejects.toMatchObject({
      code: 'FLATLOG_MISMATCH',
      message: expect.stringContaining(
        '[unstorage] [flatlog] 1 of the 1 items that were copied are not in the storage that was copied to: "a"',
      ),
    })
  })
})
