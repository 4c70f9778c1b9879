import { FlatlogError, type WriteOptions } from '@flatlog/core'
import type { TransactionOptions } from 'unstorage'

/** What an item may be written with. unstorage hands all of it on to its driver. */
export interface ItemOptions extends TransactionOptions {
  /** Seconds. */
  ttl?: number
  /** Write only if the item has this etag (of `getMeta`); `'*'`: only if it is there. */
  ifMatch?: string
  /** Write only if the item has another etag; `'*'`: only if it is not there. */
  ifNoneMatch?: string
}

const CONDITIONS = ['ifMatch', 'ifNoneMatch'] as const

/** Past what a clock reaches. */
const MAX_TTL_SECONDS = 8e12

/** unstorage counts in seconds. Zero, a negative number and what no clock reaches mean that there is no end. */
export function lifetimeOf(given: TransactionOptions | undefined): { ttlMs?: number } {
  const ttlSeconds: unknown = given?.ttl
  if (typeof ttlSeconds !== 'number' || !(ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS)) return {}
  return { ttlMs: Math.ceil(ttlSeconds * 1000) }
}

/** The conditions of a write, if it has any. */
export function conditionsOf(
  key: string,
  given: TransactionOptions | undefined,
): Pick<WriteOptions, 'ifMatch' | 'ifNoneMatch'> | undefined {
  const conditions: { ifMatch?: string; ifNoneMatch?: string } = {}
  for (const name of CONDITIONS) {
    const value: unknown = given?.[name]
    if (value === undefined) continue
    // Passed over, it would make a conditional write one without a condition.
    if (typeof value !== 'string') throw noEtag(key, name, value)
    conditions[name] = value
  }
  return hasCondition(conditions) ? conditions : undefined
}

export function hasCondition(given: TransactionOptions | undefined): boolean {
  return CONDITIONS.some((name) => given?.[name] !== undefined)
}

function noEtag(key: string, name: string, value: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `The option ${name} for key ${JSON.stringify(key)} is ${String(value)}; what is expected is an etag as getMeta gives it, ` +
      'or "*". Nothing was written.',
  )
}

/** Leaving a condition out in silence would overwrite what it was to protect. */
export function noConditionsInBatch(key: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `setItems was given a condition (ifMatch or ifNoneMatch) for key ${JSON.stringify(key)}, which it does not know. Nothing was ` +
      'written. What to do: use setItem for that key.',
  )
}

export function conditionOnReadOnly(key: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_READ_ONLY',
    `The conditional write of key ${JSON.stringify(key)} was refused: the driver has readOnly: true, which ignores all other ` +
      'writes, but whoever asks for a condition relies on the answer.',
  )
}
