import { randomUUID } from 'node:crypto'
import type { Storage } from 'unstorage'

export interface Entry {
  name: string
  text: string
  /** ISO 8601. */
  at: string
}

/** A stored item as the page shows it. */
export interface StoredItem {
  key: string
  value: unknown
  bytes?: number
  writtenAt?: Date
  secondsLeft?: number
}

const MAX_NAME_LENGTH = 60
const MAX_TEXT_LENGTH = 500

/** Adds an entry and resolves when it is on disk. Returns false, and adds nothing, if the text is empty. */
export async function sign(guestbook: Storage, name: unknown, text: unknown): Promise<boolean> {
  const entry: Entry = {
    name: shorten(name, MAX_NAME_LENGTH) || 'Anonymous',
    text: shorten(text, MAX_TEXT_LENGTH),
    at: new Date().toISOString(),
  }
  if (entry.text === '') return false
  // Keys are listed in order, so they begin with the time. The random part makes keys of the same millisecond unique.
  await guestbook.setItem(`entries:${Date.now()}-${randomUUID().slice(0, 8)}`, entry)
  return true
}

export async function newestEntries(guestbook: Storage, count: number): Promise<Entry[]> {
  const keys = (await guestbook.getKeys('entries')).slice(-count).reverse()
  const items = await guestbook.getItems<Entry>(keys)
  return items.map(({ value }) => value).filter((entry) => entry !== null)
}

/** Returns all items of a storage with their metadata. */
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
