import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type AnyStore, importKeyv, type KeyvFlatlog } from '../src/index.js'
import { type AnyKeyv, all, keyv5, majors, makeStore, records, tempDir } from './helpers.js'

/** The directory in which `npm run test:sqlite` has installed @keyv/sqlite. */
const home = process.env.FLATLOG_KEYV_SQLITE ?? ''

type Importable = Parameters<typeof importKeyv>[1] & AnyKeyv

interface Sqlite extends AnyStore {
  disconnect(): Promise<void>
}

function openSqlite(uri: string, iterationLimit = 1000): Sqlite {
  const { KeyvSqlite } = createRequire(join(home, 'package.json'))('@keyv/sqlite') as {
    KeyvSqlite: new (options: { uri: string; iterationLimit: number }) => Sqlite
  }
  return new KeyvSqlite({ uri, iterationLimit })
}

describe.skipIf(home === '')('importing from @keyv/sqlite', () => {
  async function filled() {
    const sqlite = openSqlite(`sqlite://${join(tempDir(), 'keyv.sqlite')}`)
    const keyv = keyv5.make(sqlite as unknown as KeyvFlatlog, { namespace: 'players' })
    for (let n = 0; n < 600; n++) await keyv.set(`k${n}`, { n }, n % 2 ? 3_600_000 : undefined)
    await keyv5.make(sqlite as unknown as KeyvFlatlog, { namespace: 'tokens' }).set('t', 'x')
    // The store lists the namespace that was set last.
    keyv.namespace = 'players'
    await keyv.set('gone', 1, 1)
    return { sqlite, keyv }
  }

  it('copies the whole table between two stores', async () => {
    const { sqlite, keyv } = await filled()
    const dir = tempDir()
    const result = await importKeyv(sqlite, makeStore(dir))
    expect(result).toEqual({ found: 601, copied: 601, kept: 0, expired: 1 })
    expect(await importKeyv(sqlite, makeStore(dir))).toMatchObject({ copied: 0, kept: 601 })
    const raw = await keyv.getRaw('k7')
    for (const { make } of majors) {
      const players = make(makeStore(dir), { namespace: 'players' })
      expect(await all(players)).toHaveLength(600)
      expect(await players.getRaw('k7')).toEqual(raw)
      expect(await make(makeStore(dir), { namespace: 'tokens' }).get('t')).toBe('x')
    }
    expect(records(dir).find(({ key }) => key === 'players:k8')).toMatchObject({ value: { n: 8 } })
    await sqlite.disconnect()
  })

  it.each(majors)('copies one namespace from Keyv 5 to Keyv $major', async ({ make }) => {
    const { sqlite, keyv } = await filled()
    const target = make(makeStore(tempDir()), { namespace: 'moved' })
    expect(await importKeyv(keyv as Importable, target as Importable)).toMatchObject({ found: 600, copied: 600 })
    expect(await target.get('k599')).toEqual({ n: 599 })
    await sqlite.disconnect()
  })

  it('copies in a second run the rows that paging skipped while Keyv deleted expired ones', async () => {
    const sqlite = openSqlite(`sqlite://${join(tempDir(), 'keyv.sqlite')}`, 10)
    const keyv = keyv5.make(sqlite as unknown as KeyvFlatlog) as Importable
    for (let n = 0; n < 40; n++) await keyv.set(`k${n + 10}`, n, n < 5 ? 1 : undefined)
    const target = keyv5.make(makeStore(tempDir())) as Importable
    await expect(importKeyv(keyv, target)).rejects.toMatchObject({ code: 'FLATLOG_MISMATCH' })
    expect(await importKeyv(keyv, target)).toMatchObject({ found: 35 })
    expect(await all(target)).toHaveLength(35)
    await sqlite.disconnect()
  })
})
