import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Store } from '../support/core.js'
import { logPath } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'

/** verify() of a read-only store, which reads the files without the engine. */

const directory = useTempDirectory()
useRejectionWatch()

async function filled(dir: string): Promise<Store> {
  const store = await openOn(machine(), { dir, compaction: false })
  for (let round = 0; round < 3; round++) {
    for (let key = 0; key < 20; key++) await store.set(`key ${key}`, { round, key })
    await store.compact()
  }
  await store.set('last', 1)
  return store
}

async function verified(dir: string) {
  await using reader = await openOn(machine(), { dir, readOnly: true })
  return await reader.verify()
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}

const backupIn = (dir: string) =>
  join(dir, 'logs', readdirSync(join(dir, 'logs')).find((name) => name.includes('.backup.')) as string)

describe('verify of a read-only store', () => {
  test('finds no damage in an intact store, closed or in use', async () => {
    const dir = directory()
    const store = await filled(dir)
    expect(await verified(dir)).toMatchObject({ ok: true, damage: [] })
    await store.close()
    const { ok, damage, records } = await verified(dir)
    expect({ ok, damage }).toEqual({ ok: true, damage: [] })
    expect(records).toBeGreaterThan(20)
  })

  test('finds no damage while another store writes and compacts', async () => {
    const dir = directory()
    const store = await filled(dir)
    await using reader = await openOn(machine(), { dir, readOnly: true })
    for (let round = 0; round < 10; round++) {
      const verifying = reader.verify()
      for (let key = 0; key < 10; key++) await store.set(`key ${key}`, { round })
      await store.compact()
      expect(await verifying).toMatchObject({ ok: true, damage: [] })
    }
    await store.close()
  })

  test('reports a torn tail as a torn tail, not as damage', async () => {
    const dir = directory()
    await (await filled(dir)).close()
    appendFileSync(logPath(dir), '{"timestamp":"2026-01-01T00:00:00.000Z","seq":')
    expect(await verified(dir)).toMatchObject({ ok: true, damage: [] })
  })

  test.each([
    ['the log', logPath, 'store.log'],
    ['a backup', backupIn, undefined],
    ['the mark', (dir: string) => join(dir, 'logs', 'store.mark'), 'store.mark'],
    ['the main file', (dir: string) => join(dir, 'store.json'), 'store.json'],
  ] as const)('names %s if a bit in it has flipped', async (_, pathIn, fileName) => {
    const dir = directory()
    await (await filled(dir)).close()
    const path = pathIn(dir)
    flip(path, 20)
    const { ok, damage } = await verified(dir)
    expect(ok).toBe(false)
    expect(damage.map((each) => each.file)).toEqual([fileName ?? path.slice(join(dir, 'logs').length + 1)])
  })
})
