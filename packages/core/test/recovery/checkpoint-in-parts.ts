import { decodeLine, type PartLine } from '../support/core.js'
import { closed, linesOf } from './installation.js'

/** A store whose checkpoint has several parts. */

export const key = (number: number) => `k${String(number).padStart(3, '0')}`
export const value = (number: number) => `${number} `.padEnd(900, '.')

/**
 * A checkpoint of several parts with records after it.
 * The one backup ends with the last record that the checkpoint covers.
 */
export function inParts(dir: string): Promise<string> {
  return closed(dir, async (store) => {
    await Promise.all(Array.from({ length: 41 }, (_, number) => store.set(key(number), value(number))))
    await store.set(key(0), 'overwritten')
    await store.delete(key(40))
    await store.set('expires', 1, { expires: Date.now() + 3_600_000 })
    await store.setText('text', 'a text')
    await store.compact()
    await store.set(key(1), 'after')
    await store.delete(key(39))
  })
}

export const STATE: Record<string, unknown> = {
  ...Object.fromEntries(Array.from({ length: 39 }, (_, number) => [key(number), value(number)])),
  [key(0)]: 'overwritten',
  [key(1)]: 'after',
  expires: 1,
  text: 'a text',
}

export function keysOf(dir: string, number: number): string[] {
  const line = decodeLine(Buffer.from(linesOf(dir)[number - 1]!)) as PartLine
  return line.state.map((pair) => pair.key)
}

export const lastPart = (dir: string) => linesOf(dir).findIndex((line) => line.includes('"index":['))
export const without = (keys: string[]) =>
  Object.fromEntries(Object.entries(STATE).filter(([each]) => !keys.includes(each)))
