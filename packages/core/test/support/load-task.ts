import { BigPlan } from './big-plan.js'
import type { Recovery, Store, StoreOptions } from './core.js'
import { fingerprint } from './fingerprint.js'
import { HugePlan } from './huge-plan.js'
import { Random } from './random.js'
import { type Plan, Workload } from './workload.js'

/** What a test tells the program `load` to do. */
export interface LoadTask {
  readonly options: StoreOptions
  readonly plan: PlanName
  /** How many writes are under way at a time. */
  readonly inFlight: number
}

export type PlanName =
  | { readonly kind: 'workload'; readonly seed: number }
  | { readonly kind: 'big' }
  | { readonly kind: 'huge'; readonly seed: number; readonly minMiB: number; readonly maxMiB: number }

export function planOf(name: PlanName): Plan {
  switch (name.kind) {
    case 'workload':
      return new Workload(new Random(name.seed))
    case 'big':
      return new BigPlan()
    case 'huge':
      return new HugePlan(new Random(name.seed), name.minMiB, name.maxMiB)
  }
}

/** What an owner finds when it opens a store. */
export interface Found extends Pick<Recovery, 'cutBytes' | 'damage' | 'inDoubt'> {
  readonly lastSeq: number
  /** The fingerprint of all entries. */
  readonly state: string
}

/** What a process says of it. */
export interface Opened extends Found {
  readonly openMs: number
}

export function whatIsIn(store: Store): Found {
  const { cutBytes, damage, inDoubt } = store.recovery
  const { lastSeq } = store.stats() as { lastSeq: number }
  return { cutBytes, damage, inDoubt, lastSeq, state: fingerprint(store.entries()) }
}
