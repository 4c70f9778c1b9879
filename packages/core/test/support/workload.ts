import type { Store } from './core.js'
import { Random } from './random.js'

/**
 * One write.
 * Each makes exactly one record, so that the last seq of the log is the number of writes.
 */
export type Step =
  | { readonly kind: 'set'; readonly key: string; readonly value: unknown }
  | { readonly kind: 'delete'; readonly key: string }
  | {
      readonly kind: 'batch'
      readonly set: readonly (readonly [string, unknown])[]
      readonly remove: readonly string[]
    }
  | { readonly kind: 'clear'; readonly prefix: string }
  | { readonly kind: 'replace'; readonly data: readonly (readonly [string, unknown])[] }

export type Model = Map<string, unknown>

/** A sequence of steps with the state after them. `next` returns undefined at the end. */
export abstract class Plan<Next extends Step | undefined = Step | undefined> {
  readonly state: Model = new Map()
  #steps = 0

  /** The number of steps taken so far. */
  get steps(): number {
    return this.#steps
  }

  next(): Next {
    const step = this.stepAt(this.#steps)
    if (step) {
      applyTo(this.state, step)
      this.#steps++
    }
    return step
  }

  /** Continues after this many steps, which have led to these entries. */
  resume(steps: number, entries: Iterable<readonly [string, unknown]>): void {
    this.#steps = steps
    this.state.clear()
    for (const [key, value] of entries) this.state.set(key, value)
  }

  /**
   * The next step.
   * It depends only on the number and the state, so that a plan can be resumed anywhere.
   */
  abstract stepAt(number: number): Next
}

/**
 * Endless steps, the same for the same seed.
 * Each depends on the state after the previous ones.
 */
export class Workload extends Plan<Step> {
  readonly #seed: number

  constructor(
    random: Random,
    private readonly keys = 200,
  ) {
    super()
    this.#seed = random.seed
  }

  stepAt(number: number): Step {
    const random = randomAt(this.#seed, number)
    const dice = random.below(1000)
    if (dice < 200) {
      const key = this.#key(random)
      if (this.state.has(key)) return { kind: 'delete', key }
    } else if (dice < 280) {
      const set = Array.from(
        { length: 1 + random.below(8) },
        () => [this.#key(random), valueAt(random, number)] as const,
      )
      return { kind: 'batch', set, remove: Array.from({ length: random.below(5) }, () => this.#key(random)) }
    } else if (dice < 290) {
      const prefix = `${random.below(10)}:`
      if ([...this.state.keys()].some((key) => key.startsWith(prefix))) return { kind: 'clear', prefix }
    } else if (dice < 292) {
      return {
        kind: 'replace',
        data: Array.from({ length: random.below(50) }, () => [this.#key(random), valueAt(random, number)] as const),
      }
    }
    return { kind: 'set', key: this.#key(random), value: valueAt(random, number) }
  }

  #key(random: Random): string {
    const number = random.below(this.keys)
    return `${number % 10}:${number}`
  }
}

function valueAt(random: Random, number: number): unknown {
  return { n: number, text: 'x'.repeat(random.below(random.below(20) === 0 ? 20_000 : 100)) }
}

/** The random numbers of one step. */
export function randomAt(seed: number, number: number): Random {
  return new Random(seed ^ Math.imul(number + 1, 0x9e3779b1))
}

export function applyTo(state: Model, step: Step): void {
  switch (step.kind) {
    case 'set':
      state.set(step.key, step.value)
      return
    case 'delete':
      state.delete(step.key)
      return
    case 'batch':
      for (const [key, value] of step.set) state.set(key, value)
      for (const key of step.remove) state.delete(key)
      return
    case 'clear':
      for (const key of [...state.keys()]) if (key.startsWith(step.prefix)) state.delete(key)
      return
    case 'replace':
      state.clear()
      for (const [key, value] of step.data) state.set(key, value)
  }
}

export function perform(store: Store, step: Step): Promise<unknown> {
  switch (step.kind) {
    case 'set':
      return store.set(step.key, step.value)
    case 'delete':
      return store.delete(step.key)
    case 'batch':
      return store.batch([
        ...step.set.map(([key, value]) => ({ op: 'SET' as const, key, value })),
        ...step.remove.map((key) => ({ op: 'DELETE' as const, key })),
      ])
    case 'clear':
      return store.clear({ prefix: step.prefix })
    case 'replace':
      return store.replace(new Map(step.data))
  }
}

/** The state of a model in the form of `stateOf`. */
export function modelState(model: Model): Record<string, unknown> {
  return Object.fromEntries(model)
}
