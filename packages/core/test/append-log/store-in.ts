import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store, type StoreOptions } from '../support/core.js'

/** Opens the store of these tests, as an application would. */
export function openPlayers(dir: string, options: StoreOptions = {}): Promise<Store> {
  return openStore({ dir, name: 'players', ...options })
}

/** Opens the store, works with it and closes it: one run of an application. */
export async function run<T>(
  dir: string,
  work: (store: Store) => T | Promise<T>,
  options: StoreOptions = {},
): Promise<T> {
  const store = await openPlayers(dir, options)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

export const playersLog = (dir: string) => join(dir, 'logs', 'players.log')

export function lines(dir: string): string[] {
  return readFileSync(playersLog(dir), 'utf8').split('\n').slice(0, -1)
}

/** The records after the checkpoint, read with nothing but JSON.parse. */
export function parsedRecords(dir: string): Record<string, unknown>[] {
  return lines(dir)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((record) => record.op !== 'CHECKPOINT')
}
