import type { DeleteOperation, Operation, SetOperation } from '../format/record.js'
import { fromBytes, fromText, fromValue, type ValueText } from '../format/value.js'
import { FlatlogError } from '../platform/errors.js'
import { checkBytes, checkKey, checkOptions, checkText, expiryOf } from './arguments.js'
import type { BatchOperation } from './types.js'

/** From what callers hand over to operations of the log. */

const STEP_FIELDS = ['op', 'key', 'value', 'text', 'asText', 'otherwise', 'bytes', 'expires', 'ttlMs']

export function batchStep(step: BatchOperation, clock: { now(): number }): SetOperation | DeleteOperation {
  checkKey(step?.key)
  const { key } = step
  if (step.op === 'DELETE') return { kind: 'delete', key }
  if (step.op !== 'SET') throw unknownStep(step)
  checkOptions('A step of batch', step, STEP_FIELDS)
  return { kind: 'set', key, value: valueOfStep(step), expires: expiryOf(step, clock) }
}

function valueOfStep(step: Extract<BatchOperation, { op: 'SET' }>): ValueText {
  const { key } = step
  if ('text' in step) {
    return textForm(key, step.text, step)
  }
  if ('bytes' in step) {
    checkBytes(step.bytes)
    return fromBytes(key, step.bytes)
  }
  return fromValue(key, step.value)
}

/** A text is parsed once on its way to the log, here: which of the two forms it takes is nobody else's to find out. */
export function textForm(
  key: string,
  text: unknown,
  { asText, otherwise }: { asText?: boolean; otherwise?: string } = {},
): ValueText {
  checkText(text)
  if (otherwise !== undefined) checkText(otherwise)
  const value = fromText(key, text, asText)
  // A text that is to be a string as it is has no need of another one.
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
    `A batch has a step with the op ${JSON.stringify((step as { op?: unknown })?.op)}; it can be "SET" or "DELETE".`,
  )
}
