import type { SimulatedProcess } from './machine.js'

/** The outcome of a promise. A process that dies leaves its promises pending. */
export type Outcome<T> =
  | { readonly kind: 'resolved'; readonly value: T }
  | { readonly kind: 'rejected'; readonly error: unknown }
  | { readonly kind: 'died' }

/** A promise that has not settled by then never will. */
const MAX_TURNS = 20_000
/** Time passes after this many turns, in case the promise waits for a timer. */
const TURNS_A_STEP = 25
const STEP_MS = 25

/** Waits for the promise, or for the death of its process. */
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
    if (process.isDead) return { kind: 'died' }
    if (outcome) return outcome
    if (turn % TURNS_A_STEP === 0) process.clock.advance(STEP_MS)
  }
  throw new Error(`a promise did not settle in ${MAX_TURNS} turns`)
}

/** Lets pending work go on for this many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
