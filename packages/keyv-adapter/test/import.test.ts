import { join } from 'node:path'
import { KeyvFile } from 'keyv-file'
import { describe, expect, it } from 'vitest'
import { type ImportProgress, importKeyv, type KeyvFlatlog } from '../src/index.js'
import { type AnyKeyv, all, keyv5, keyv6, last, majors, makeStore, records, tempDir } from './helpers.js'

type Importable = Parameters<typeof importKeyv>[0] & AnyKeyv

const pairs = majors.flatMap((from) => majors.map((to) => ({ from, to })))

function fileStore(): KeyvFile {
  return new KeyvFile({ filename: join(tempDir(), 'keyv.json'), writeDelay: 0 })
}

describe.each(pairs)('importing from Keyv $from.major to Keyv $to.major', ({ from, to }) => {
  async function filled(store: unknown = makeStore(tempDir())) {
    const keyv = from.make(store as KeyvFlatlog, { namespace: 'old' }) as Importable
    await keyv.set('plain', { score: 100 })
    await keyv.set('bytes', Buffer.from([0, 255]))
    await keyv.set('short', 'lived', 60_000)
    await keyv.set('with:colon', null)
    return keyv
  }

  it('copies values and expiry times into another namespace', async () => {
    const source = await filled()
    const dir = tempDir()
    // The default ttl must not apply to entries that had no expiry before.
    const target = to.make(makeStore(dir), { namespace: 'new', ttl: 5 }) as Importable
    expect(await importKeyv(source, target)).toEqual({ found: 4, copied: 4, kept: 0, expired: 0 })
    expect(await target.get('plain')).toEqual({ score: 100 })
    expect(await target.getRaw('plain')).not.toHaveProperty('expires')
    expect([...((await target.get('bytes')) as Buffer)]).toEqual([0, 255])
    expect(await target.getMany(['short', 'with:colon'])).toEqual(['lived', null])
    const [before, after] = await Promise.all([source, target].map((keyv) => keyv.getRaw('short')))
    const driftMs = (after as { expires: number }).expires - (before as { expires: number }).expires
    // Keyv 5 takes a relative time, and the clock may advance by some milliseconds before Keyv adds it.
    if (to.major === 6) expect(driftMs).toBe(0)
    else expect(driftMs >= 0 && driftMs < 1000).toBe(true)
    expect(records(dir).every(({ key }) => key?.startsWith('new:'))).toBe(true)
  })

  it('keeps existing entries unless the option overwrite is set', async () => {
    const source = await filled()
    const target = to.make(makeStore(tempDir()), { namespace: 'new' }) as Importable
    await target.set('plain', 'newer')
    expect(await importKeyv(source, target)).toEqual({ found: 4, copied: 3, kept: 1, expired: 0 })
    expect(await target.get('plain')).toBe('newer')
    expect(await importKeyv(source, target)).toEqual({ found: 4, copied: 0, kept: 4, expired: 0 })
    expect(await importKeyv(source, target, { overwrite: true })).toMatchObject({ copied: 4, kept: 0 })
    expect(await target.get('plain')).toEqual({ score: 100 })
  })

  it('copies several batches and reports progress', async () => {
    const source = from.make(makeStore({ dir: tempDir(), durability: 'os' })) as Importable
    await Promise.all(Array.from({ length: 600 }, (_, n) => source.set(`k${n}`, n)))
    const target = to.make(makeStore({ dir: tempDir(), durability: 'os' })) as Importable
    const seen: ImportProgress[] = []
    const result = await importKeyv(source, target, { onProgress: (progress) => seen.push({ ...progress }) })
    expect(result).toEqual({ found: 600, copied: 600, kept: 0, expired: 0 })
    for (const phase of ['copy', 'compare']) {
      expect(seen.filter((each) => each.phase === phase).map(({ done }) => done)).toEqual([256, 512, 600])
    }
    expect(await all(target)).toHaveLength(600)
  })

  it('rejects if either side fails, even if Keyv only emits an event', async () => {
    const source = await filled()
    const target = to.make(makeStore(tempDir())) as Importable
    await target.set('k', 1)
    await target.disconnect()
    await expect(importKeyv(source, target)).rejects.toMatchObject({ code: 'FLATLOG_CLOSED' })
    await source.disconnect()
    const next = to.make(makeStore(tempDir())) as Importable
    await expect(importKeyv(source, next)).rejects.toMatchObject({ code: 'FLATLOG_CLOSED' })
  })

  it('rejects if an entry is missing at the end', async () => {
    const source = await filled()
    const target = to.make(makeStore(tempDir())) as Importable
    let lost: Promise<unknown> | undefined
    const onProgress = ({ phase }: ImportProgress) => {
      if (phase === 'copy') lost = target.delete('plain')
    }
    await expect(importKeyv(source, target, { onProgress })).rejects.toMatchObject({
      code: 'FLATLOG_MISMATCH',
      message: expect.stringContaining('1 of the entries'),
    })
    expect(await lost).toBe(true)
    expect(await importKeyv(source, target)).toMatchObject({ copied: 1, kept: 3 })
  })
})

describe('importing from store to store', () => {
  it('copies all of keyv-file: every namespace, with unchanged texts and expiry times', async () => {
    const file = fileStore()
    const players = keyv5.make(file as never, { namespace: 'players' })
    const tokens = keyv5.make(file as never, {
      namespace: 'tokens',
      serialize: (data: unknown) => `!${JSON.stringify(data)}`,
    })
    await players.set('u:1', { score: 100 })
    await tokens.set('secret', 'x', 60_000)
    await players.set('u:2', 'two', 60_000)
    await players.set('gone', 1, 1)
    const goneMs = await expiresOf(file, 'players:gone')
    await until(() => Date.now() > goneMs)

    const dir = tempDir()
    expect(await importKeyv(file, makeStore(dir))).toEqual({ found: 3, copied: 3, kept: 0, expired: 1 })
    const written = new Map(records(dir).map((line) => [line.key, line]))
    expect(written.get('players:u:1')).toMatchObject({ value: { score: 100 } })
    expect(written.get('players:u:2')).toMatchObject({ value: 'two', expires: await expiresOf(file, 'players:u:2') })
    expect(written.get('tokens:secret')).toMatchObject({ encoding: 'text' })
    for (const { make } of majors) {
      expect(await make(makeStore(dir), { namespace: 'players' }).getMany(['u:1', 'u:2', 'gone'])).toEqual([
        { score: 100 },
        'two',
        undefined,
      ])
    }
  })

  it('copies one Flatlog log to another', async () => {
    const fromDir = tempDir()
    const from = makeStore(fromDir)
    const values = keyv6.make(from, { namespace: 'n', serialization: false })
    await values.set('live', { list: [1] }, 60_000)
    await keyv6.make(makeStore(fromDir)).set('bytes', new Uint8Array([7]))
    const dir = tempDir()
    expect(await importKeyv(from, makeStore(dir))).toMatchObject({ found: 2, copied: 2 })
    expect(await keyv6.make(makeStore(dir), { namespace: 'n', serialization: false }).get('live')).toEqual({
      list: [1],
    })
    expect(last(dir).expires ?? records(dir)[0]?.expires).toBeGreaterThan(Date.now())
  })

  it.each(majors)('copies a whole Flatlog log even if a Keyv $major uses its store', async ({ make }) => {
    const fromDir = tempDir()
    const from = makeStore(fromDir)
    await make(from, { namespace: 'players' }).set('u:1', { score: 1 })
    await make(makeStore(fromDir), { namespace: 'tokens' }).set('t', 'x')
    const dir = tempDir()
    expect(await importKeyv(from, makeStore(dir))).toEqual({ found: 2, copied: 2, kept: 0, expired: 0 })
    expect(records(dir).map(({ key }) => key)).toEqual(['players:u:1', 'tokens:t'])
    expect(await importKeyv(from, from)).toMatchObject({ copied: 0, kept: 2 })
  })

  it.each(majors)('adds the prefix to the keys of a bare namespace of Keyv $major', async ({ make }) => {
    const from = makeStore({ dir: tempDir(), bareNamespace: 'players' })
    await make(from, { namespace: 'players' }).set('u1', 1)
    const dir = tempDir()
    await importKeyv(from, makeStore(dir))
    expect(records(dir)).toMatchObject([{ key: 'players:u1', value: 1 }])
    expect(await make(makeStore(dir), { namespace: 'players' }).get('u1')).toBe(1)
  })

  it('removes the prefix for a bare namespace, and refuses other namespaces', async () => {
    const file = fileStore()
    await keyv5.make(file as never, { namespace: 'players' }).set('u1', 1)
    const dir = tempDir()
    await importKeyv(file, makeStore({ dir, bareNamespace: 'players' }))
    expect(records(dir)).toMatchObject([{ key: 'u1', value: 1 }])
    await keyv5.make(file as never, { namespace: 'tokens' }).set('t', 1)
    await expect(importKeyv(file, makeStore({ dir, bareNamespace: 'players' }))).rejects.toThrow(
      /"tokens:t" is not in the namespace "players"/,
    )
  })
})

describe('importKeyv refuses', () => {
  it('a Keyv and a store', async () => {
    const keyv = keyv5.make(fileStore() as never)
    await expect(importKeyv(keyv as never, makeStore(tempDir()))).rejects.toThrow(/two Keyv instances or two stores/)
    await expect(importKeyv(fileStore(), keyv as never)).rejects.toThrow(/two Keyv instances or two stores/)
  })

  it('a source that cannot list its keys', async () => {
    const store = { get() {}, set() {}, delete() {}, clear() {} }
    const target = makeStore(tempDir())
    await expect(importKeyv(store as never, target)).rejects.toMatchObject({ code: 'FLATLOG_INVALID_OPTION' })
    const keyv = keyv5.make(store as never) as Importable
    await expect(importKeyv(keyv, keyv6.make(target) as Importable)).rejects.toThrow(/has no iterator/)
  })

  it('a namespace for which Keyv 5 lists wrong keys', async () => {
    const store = makeStore({ dir: tempDir(), allowColonIn: ['a:b'] })
    const keyv = keyv5.make(store, { namespace: 'a:b' }) as Importable
    await keyv.set('k', 1)
    await expect(importKeyv(keyv, keyv6.make(makeStore(tempDir())) as Importable)).rejects.toThrow(
      /finds no value for any of them/,
    )
  })
})

/** The expiry time inside the text that keyv-file has for the key. */
async function expiresOf(file: KeyvFile, key: string): Promise<number> {
  for await (const [name, raw] of file.iterator()) {
    if (name === key) return (JSON.parse(raw as string) as { expires: number }).expires
  }
  throw new Error(`${key} is missing`)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}
