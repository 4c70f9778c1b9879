import { applyTo, type Model, type Step } from './workload.js'

const KEYS = 100_000

/** A hundred thousand keys are set, half of them deleted, and a quarter overwritten. */
export class BigPlan {
  readonly state: Model = new Map()
  #next = 0

  next(): Step | undefined {
    const step = stepAt(this.#next++)
    if (step) applyTo(this.state, step)
    return step
  }
}

export const BIG_STEPS = KEYS + KEYS / 2 + KEYS / 4

function stepAt(number: number): Step | undefined {
  if (number < KEYS) return { kind: 'set', key: keyOf(number), value: { number, text: 'some text to fill the line' } }
  const deleted = number - KEYS
  if (deleted < KEYS / 2) return { kind: 'delete', key: keyOf(deleted * 2) }
  const overwritten = deleted - KEYS / 2
  if (overwritten < KEYS / 4) return { kind: 'set', key: keyOf(overwritten * 4 + 1), value: { overwritten } }
  return undefined
}

/** Neighbours in time are no neighbours in key order. */
function keyOf(number: number): string {
  return `key ${(number * 7919) % KEYS}`
}
