import { FlatlogError, type WriteOptions } from '@flatlog/core'
import type { TransactionOptions } from 'unstorage'

/** The options for writing an item. unstorage passes all of them to its driver. */
export interface ItemOptions extends TransactionOptions {
  /** Seconds. */
  ttl?: number
  /** Write only if the item has this etag (from `getMeta`). `'*'`: only if the item exists. */
  ifMatch?: string
  /** Write only if the item has another etag. `'*'`: only if the item does not exist. */
  ifNoneMatch?: string
}

const CONDITIONS = ['ifMatch', 'ifNoneMatch'] as const

/** Longer than any clock can reach. */
const MAX_TTL_SECONDS = 8e12

/** Converts unstorage's `ttl` in seconds. Zero, negative and longer ones mean that the item never expires. */
export function ttlOf(given: TransactionOptions | undefined): { ttlMs?: number } {
  const ttlSeconds: unknown = given?.ttl
  if (typeof ttlSeconds !== 'number' || !(ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS)) return {}
  return { ttlMs: Math.ceil(ttlSeconds * 1000) }
}

/** Returns the conditions of a write, or undefined if it has none. */
export function conditionsOf(
  key: string,
  given: TransactionOptions | undefined,
): Pick<WriteOptions, 'ifMatch' | 'ifNoneMatch'> | undefined {
  const conditions: { ifMatch?: string; ifNoneMatch?: string } = {}
  for (const name of CONDITIONS) {
    const value: unknown = given?.[name]
    if (value === undefined) continue
    // Ignoring an invalid condition would turn the write into an unconditional one.
    if (typeof value !== 'string') throw invalidCondition(key, name, value)
    conditions[name] = value
  }
  return hasCondition(conditions) ? conditions : undefined
}

export function hasCondition(given: TransactionOptions | undefined): boolean {
  return CONDITIONS.some((name) => given?.[name] !== undefined)
}

function invalidCondition(key: string, name: string, value: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `The option ${name} for key ${JSON.stringify(key)} must be an etag from getMeta, or "*", got ${String(value)}. Nothing was ` +
      'written.',
  )
}

/** The error for a condition in `setItems`. Ignoring the condition could overwrite what it protects. */
export function conditionInBatch(key: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `setItems does not support conditions, but key ${JSON.stringify(key)} has ifMatch or ifNoneMatch. Nothing was written. Use ` +
      'setItem for this key.',
  )
}

export function conditionWhenReadOnly(key: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_READ_ONLY',
    `The conditional write of key ${JSON.stringify(key)} was refused, because the driver has readOnly: true. The driver ignores ` +
      'other writes, but a caller that sets a condition relies on the result. Write with a driver without readOnly.',
  )
}
