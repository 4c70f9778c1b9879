import type { DeleteOperation, Operation, SetOperation } from '../format/record.js'
import { fromBytes, fromText, fromValue, type ValueText } from '../format/value.js'
import { describe, FlatlogError } from '../platform/errors.js'
import { checkBytes, checkKey, checkOptions, checkText, expiryOf } from './arguments.js'
import type { BatchOperation } from './types.js'

/** Turns the arguments of a store's calls into operations of the log. */

const DELETE_FIELDS = ['op', 'key']
const SET_FIELDS = [...DELETE_FIELDS, 'expires', 'ttlMs']
const VALUE_FIELDS = [...SET_FIELDS, 'value']
const TEXT_FIELDS = [...SET_FIELDS, 'text', 'asText', 'otherwise']
const BYTES_FIELDS = [...SET_FIELDS, 'bytes']

export function batchStep(step: BatchOperation, clock: { now(): number }): SetOperation | DeleteOperation {
  checkKey(step?.key)
  const { key } = step
  if (step.op === 'DELETE') {
    checkOptions('a batch step', step, DELETE_FIELDS)
    return { kind: 'delete', key }
  }
  if (step.op !== 'SET') throw unknownStep(step)
  return { kind: 'set', key, value: valueOfStep(step), expires: expiryOf(step, clock) }
}

/** Checks the step's fields, too: those that it may have depend on how it gives the value. */
function valueOfStep(step: Extract<BatchOperation, { op: 'SET' }>): ValueText {
  const { key } = step
  if ('text' in step) {
    checkOptions('a batch step', step, TEXT_FIELDS)
    return textForm(key, step.text, step)
  }
  if ('bytes' in step) {
    checkOptions('a batch step', step, BYTES_FIELDS)
    checkBytes(step.bytes)
    return fromBytes(key, step.bytes)
  }
  checkOptions('a batch step', step, VALUE_FIELDS)
  return fromValue(key, step.value)
}

/** Decides here, once, whether a text is stored as JSON or as a string, so that it is parsed only once. */
export function textForm(
  key: string,
  text: unknown,
  { asText, otherwise }: { asText?: boolean; otherwise?: string } = {},
): ValueText {
  checkText(text)
  if (otherwise !== undefined) checkText(otherwise)
  const value = fromText(key, text, asText)
  // `otherwise` replaces only a text that is not JSON and was not asked for as it is.
  if (otherwise === undefined || asText || value.encoding === undefined) return value
  return fromText(key, otherwise, true)
}

export function replaceOperation(pairs: Iterable<[string, unknown]>): Operation {
  const data: [string, ValueText][] = []
  for (const [key, value] of pairs) {
    checkKey(key)
    data.push([key, fromValue(key, value)])
  }
  return { kind: 'replace', data }
}

function unknownStep(step: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `The op of a batch step must be "SET" or "DELETE", got ${describe((step as { op?: unknown })?.op)}. What to do: correct ` +
      'it. Nothing of the batch was written.',
  )
}
