import { BigPlan } from './big-plan.js'
import type { Recovery, Store, StoreOptions } from './core.js'
import { fingerprint } from './fingerprint.js'
import { HugePlan } from './huge-plan.js'
import { Random } from './random.js'
import type { StopAt } from './stop-after.js'
import { type Plan, Workload } from './workload.js'

/** The task of the program `load`. */
export interface LoadTask {
  readonly options: StoreOptions
  readonly plan: PlanName
  /** How many writes are in flight at a time. */
  readonly inFlight: number
  readonly stopAt?: StopAt | undefined
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

/** The state and the report that an owner reads when it opens a store. */
export interface Found extends Pick<Recovery, 'cutBytes' | 'damage' | 'inDoubt'> {
  readonly lastSeq: number
  /** The fingerprint of all entries. */
  readonly state: string
}

/** The report of an owner. */
export interface Opened extends Found {
  /**
   * CPU time and timers of the opening.
   * So long it takes on a machine that does nothing else.
   */
  readonly openMs: number
}

export function contentsOf(store: Store): Found {
  const { cutBytes, damage, inDoubt } = store.recovery
  const { lastSeq } = store.stats() as { lastSeq: number }
  return { cutBytes, damage, inDoubt, lastSeq, state: fingerprint(store.entries()) }
}
