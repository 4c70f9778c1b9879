import type { SimulatedProcess } from './machine.js'

/** What became of a promise: a process that dies leaves its promises as they are. */
export type Outcome<T> =
  | { readonly kind: 'resolved'; readonly value: T }
  | { readonly kind: 'rejected'; readonly error: unknown }
  | { readonly kind: 'died' }

/** Something waits longer than this for nothing: a promise was forgotten. */
const MAX_TURNS = 20_000
/** After so many turns in which the promise did not settle, time goes by: perhaps something waits for that. */
const TURNS_A_STEP = 25
const STEP_MS = 25

export async function settle<T>(process: SimulatedProcess, promise: Promise<T>): Promise<Outcome<T>> {
  let outcome: Outcome<T> | undefined
  promise.then(
    (value) => {
      outcome = { kind: 'resolved', value }
    },
    (error: unknown) => {
      outcome = { kind: 'rejected', error }
    },
  )
  for (let turn = 1; turn <= MAX_TURNS; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    // What a dead process thinks of its promises is of no interest.
    if (process.isDead) return { kind: 'died' }
    if (outcome) return outcome
    if (turn % TURNS_A_STEP === 0) process.clock.advance(STEP_MS)
  }
  throw new Error(`a promise did not settle in ${MAX_TURNS} turns`)
}

/** Lets everything that is under way go on for a while. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
