import { randomUUID } from 'node:crypto'
import type { Storage } from 'unstorage'

export interface Entry {
  name: string
  text: string
  /** ISO 8601. */
  at: string
}

/** An item as the page shows it. */
export interface StoredItem {
  key: string
  value: unknown
  bytes?: number
  writtenAt?: Date
  secondsLeft?: number
}

const MAX_NAME_LENGTH = 60
const MAX_TEXT_LENGTH = 500

/** False if there is nothing to write down. Resolves once the entry is on disk. */
export async function sign(guestbook: Storage, name: unknown, text: unknown): Promise<boolean> {
  const entry: Entry = {
    name: shorten(name, MAX_NAME_LENGTH) || 'Somebody',
    text: shorten(text, MAX_TEXT_LENGTH),
    at: new Date().toISOString(),
  }
  if (entry.text === '') return false
  // Keys are in order, so the time in them puts the entries in order; the rest keeps two of one moment apart.
  await guestbook.setItem(`entries:${Date.now()}-${randomUUID().slice(0, 8)}`, entry)
  return true
}

export async function newestEntries(guestbook: Storage, count: number): Promise<Entry[]> {
  const keys = (await guestbook.getKeys('entries')).slice(-count).reverse()
  const items = await guestbook.getItems<Entry>(keys)
  return items.map(({ value }) => value).filter((entry) => entry !== null)
}

/** Everything in a storage, with what it knows of each item. */
export async function storedItems(storage: Storage): Promise<StoredItem[]> {
  const keys = await storage.getKeys()
  return await Promise.all(
    keys.map(async (key): Promise<StoredItem> => {
      const [value, { size, mtime, ttl }] = await Promise.all([storage.getItem(key), storage.getMeta(key)])
      return {
        key,
        value,
        ...(typeof size === 'number' ? { bytes: size } : {}),
        ...(mtime ? { writtenAt: mtime } : {}),
        ...(ttl ? { secondsLeft: ttl } : {}),
      }
    }),
  )
}

function shorten(value: unknown, length: number): string {
  return typeof value === 'string' ? value.trim().slice(0, length) : ''
}
