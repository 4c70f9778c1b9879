import { Plan, type Step } from './workload.js'

export const BIG_KEYS = 100_000
export const BIG_STEPS = BIG_KEYS + BIG_KEYS / 2 + BIG_KEYS / 4

/** Sets a hundred thousand keys of a hundred bytes, deletes half, overwrites a quarter. */
export class BigPlan extends Plan {
  stepAt(number: number): Step | undefined {
    if (number < BIG_KEYS) return { kind: 'set', key: keyOf(number), value: { number, text: TEXT } }
    const deleted = number - BIG_KEYS
    if (deleted < BIG_KEYS / 2) return { kind: 'delete', key: keyOf(deleted * 2) }
    const overwritten = deleted - BIG_KEYS / 2
    if (overwritten < BIG_KEYS / 4) return { kind: 'set', key: keyOf(overwritten * 4 + 1), value: { overwritten } }
    return undefined
  }
}

const TEXT = 'some text that makes the key and its value a hundred bytes long'

/** Keys that are set one after the other are not neighbours in key order. */
function keyOf(number: number): string {
  return `key ${(number * 7919) % BIG_KEYS}`
}
