import { createStorage as createStorage1, type Driver, prefixStorage, type Storage } from 'unstorage'
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

describe.each(majors)('importing with unstorage $major', ({ major, make }) => {
  it('copies a directory of files: text as text, JSON as JSON, bytes as bytes, and the metadata from setMeta', async () => {
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

  it('keeps bytes as bytes if the source distinguishes them from text, and objects as objects', async () => {
    const from = sources[major].memory()
    await from.setItemRaw('bytes', Buffer.from('ascii'))
    await from.setItem('text', 'ascii')
    await from.setItemRaw('object', { nested: [1] })
    const to = make(makeDriver({ base: tempDir() }))
    await importStorage(from, to)
    expect(await to.getItemRaw('bytes')).toEqual(Buffer.from('ascii'))
    expect(await to.getItemRaw('text')).toBe('ascii')
    expect(await to.getItem('object')).toEqual({ nested: [1] })
  })

  it('copies from one mount to another, as frameworks provide them', async () => {
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

  it('continues after an interruption, and keeps existing items', async () => {
    const from = sources[major].memory()
    for (let index = 0; index < 200; index++) await from.setItem(`k:${index}`, index)
    const to = make(makeDriver({ base: tempDir(), durability: 'os' }))
    await to.setItem('k:0', 'newer')
    const interrupt = ({ done }: ImportProgress) => {
      if (done === 70) throw new Error('interrupted')
    }
    await expect(importStorage(from, to, { onProgress: interrupt })).rejects.toThrow('interrupted')
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

  it('keeps the rest of a ttl, and copies only the items below a base', async () => {
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

/** A source that lists the given keys and reads items with the given function. */
function sourceOf(keys: string[], getItemRaw: (key: string) => unknown): Driver {
  return { getKeys: () => keys, getItem: () => null, getItemRaw, hasItem: () => true }
}

/** Two calls of the app on the target during an import. */
const appWrites = {
  item: (to: Storage) => to.setItem('a', 'newer'),
  meta: (to: Storage) => to.setMeta('a', { owner: 'newer' }),
}

describe.each(majors)('metadata that unstorage $major imports', ({ make }) => {
  const target = () => make(makeDriver({ base: tempDir() }))
  /** A source of the item `a` with metadata. */
  const source = (onRead = async () => {}) =>
    createStorage1({
      driver: sourceOf(['a'], async (key) => {
        if (key === 'a') await onRead()
        return key === 'a' ? 'older' : '{"owner":"older"}'
      }),
    })
  const ownerOf = async (to: Storage) => (await to.getMeta('a')).owner

  it.each([
    ['the item and its metadata', ['item', 'meta'], 'newer'],
    ['only the item', ['item'], undefined],
  ] as const)('is not written if the app writes %s while the source is read', async (_what, writes, owner) => {
    const base = tempDir()
    const to = make(makeDriver({ base }))
    const from = source(async () => {
      for (const write of writes) await appWrites[write](to)
    })
    expect(await importStorage(from, to)).toEqual({ found: 1, copied: 0, kept: 1, gone: 0 })
    expect([await to.getItem('a'), await ownerOf(to)]).toEqual(['newer', owner])
    expect(records(base)).toHaveLength(writes.length)
  })

  it.each([
    ['the item and its metadata', ['item', 'meta'], 'newer'],
    ['only the item', ['item'], undefined],
  ] as const)('is taken back if the app writes %s just after it', async (_what, writes, owner) => {
    const to = target()
    const setItemRaw: Storage['setItemRaw'] = async (key, ...rest) => {
      await to.setItemRaw(key, ...rest)
      if (key === 'a$') for (const write of writes) await appWrites[write](to)
    }
    expect(await importStorage(source(), { ...to, setItemRaw })).toEqual({ found: 1, copied: 0, kept: 1, gone: 0 })
    expect([await to.getItem('a'), await ownerOf(to)]).toEqual(['newer', owner])
  })

  it('is kept if an earlier import or the app wrote it before the item, and replaced with overwrite', async () => {
    const to = target()
    await appWrites.meta(to)
    expect(await importStorage(source(), to)).toEqual({ found: 1, copied: 1, kept: 0, gone: 0 })
    expect([await to.getItem('a'), await ownerOf(to)]).toEqual(['older', 'newer'])
    await appWrites.item(to)
    expect(await importStorage(source(), to, { overwrite: true })).toMatchObject({ copied: 1, kept: 0 })
    expect([await to.getItem('a'), await ownerOf(to)]).toEqual(['older', 'older'])
  })
})

describe('an import', () => {
  it('counts items that left the source during the import', async () => {
    const from = createStorage1({ driver: sourceOf(['a', 'b'], (key) => (key === 'a' ? 'v' : null)) })
    const to = createStorage1({ driver: makeDriver({ base: tempDir() }) })
    expect(await importStorage(from, to)).toEqual({ found: 1, copied: 1, kept: 0, gone: 1 })
  })

  it('keeps items that are written to the target during the import', async () => {
    const to = createStorage1({ driver: makeDriver({ base: tempDir() }) })
    const read = async (key: string) => {
      if (key === 'a') await to.setItem('a', 'newer')
      return key.endsWith('$') ? null : 'older'
    }
    const from = createStorage1({ driver: sourceOf(['a', 'b'], read) })
    expect(await importStorage(from, to)).toEqual({ found: 2, copied: 1, kept: 1, gone: 0 })
    expect(await to.getItem('a')).toBe('newer')
  })

  it('reports at which key it stopped and what to do', async () => {
    const from = createStorage1({
      driver: sourceOf(['good', 'data:bad'], (key) => {
        if (key === 'data:bad') throw new Error('unreadable')
        return key.endsWith('$') ? null : 'v'
      }),
    })
    const to = createStorage1({ driver: makeDriver({ base: tempDir() }) })
    await expect(importStorage(from, to)).rejects.toThrow(
      /^\[unstorage\] \[flatlog\] The import stopped at key "data:bad": unreadable\. Fix the cause and call importStorage again/,
    )
  })

  it('compares the keys at the end, and names the missing ones', async () => {
    const from = createStorage1({ driver: sourceOf(['a', 'b'], (key) => (key.endsWith('$') ? null : 'v')) })
    const to = createStorage1({ driver: { ...makeDriver({ base: tempDir() }), getKeys: () => ['b'] } })
    await expect(importStorage(from, to)).rejects.toMatchObject({
      code: 'FLATLOG_MISMATCH',
      message: expect.stringContaining('[unstorage] [flatlog] 1 of the 1 copied items are missing in the target: "a"'),
    })
  })
})
