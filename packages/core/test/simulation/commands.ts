import fc from 'fast-check'
import type { StoreOptions } from '../support/core.js'
import type { CallKind } from '../support/faulty-file-system.js'
import type { Profile } from './disk.js'
import type { Fault, FaultCode } from './faults.js'
import type { CrashPlan, Run } from './run.js'
import { describe, type WriteAction } from './writes.js'

/**
 * The commands of the model test.
 * fast-check shrinks a failing run to a few of them.
 */

type Command = fc.AsyncCommand<object, Run>

class Step implements Command {
  constructor(
    private readonly text: string,
    private readonly act: (run: Run) => Promise<void>,
  ) {}

  check(): boolean {
    return true
  }

  async run(_: object, run: Run): Promise<void> {
    await this.act(run)
  }

  toString(): string {
    return this.text
  }
}

/**
 * Few keys, so that operations often meet on one.
 * Some are odd, and one is a prefix of others.
 */
const key = fc.constantFrom('a', 'a:1', 'a:2', 'b:1', 'b:2', 'b:3', '', '__proto__', '10', 'ä\n\u2028')
/** Mostly short; sometimes longer than a page, a part, or a chunk of a copy. */
const fill = fc.oneof(
  { weight: 12, arbitrary: fc.nat(60) },
  { weight: 3, arbitrary: fc.integer({ min: 400, max: 6000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 8000, max: 40_000 }) },
)

const write: fc.Arbitrary<WriteAction> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('set' as const), key, fill }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('set' as const), key, fill, ttlMs: fc.integer({ min: -5, max: 3000 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('batch' as const),
      set: fc.array(key, { maxLength: 4 }),
      remove: fc.array(key, { maxLength: 2 }),
      fill: fc.nat(600),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('clear' as const), prefix: fc.constantFrom('a', 'a:', 'b:', '') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), keys: fc.array(key, { maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('update' as const), key }) },
)

const writes = (most: number) =>
  fc
    .array(write, { minLength: 1, maxLength: most })
    .map((actions) => new Step(`write(${actions.map(describe).join(', ')})`, (run) => run.write(actions)))

const FILES = {
  log: /\.log$/,
  new: /\.log\.new/,
  mark: /\.mark(\.new)?$/,
  main: /\.json(\.new)?$/,
  lock: /\.lock/,
  any: /./,
} as const

type FaultParts = Omit<Fault, 'on'> & { readonly on: keyof typeof FILES }

const anyFault: fc.Arbitrary<FaultParts> = fc.record({
  kind: fc.constantFrom<CallKind | 'any'>(
    ...(['write', 'write', 'sync', 'sync', 'syncDirectory', 'rename', 'link', 'remove', 'truncate'] as const),
    ...(['open', 'read', 'status', 'list', 'any'] as const),
  ),
  on: fc.constantFrom<keyof typeof FILES>('log', 'log', 'new', 'mark', 'main', 'any'),
  nth: fc.integer({ min: 1, max: 8 }),
  times: fc.constantFrom(1, 1, 1, 2, 1000),
  code: fc.constantFrom<FaultCode>('EIO', 'EIO', 'ENOSPC', 'ENOSPC', 'short', 'EDQUOT', 'EMFILE', 'EACCES'),
  happens: fc.boolean(),
})

/** The properties of a fault that are fixed; the rest is left to chance. */
export type FaultFocus = Partial<FaultParts>

/** The usual failures of disks: no space for a record, or a log that cannot be synced. */
const USUAL_FAULTS: readonly FaultFocus[] = [
  { kind: 'write', on: 'log', code: 'ENOSPC', happens: false },
  { kind: 'write', on: 'log', code: 'short' },
  { kind: 'sync', on: 'log', code: 'EIO', happens: false },
]

function fault(focuses: readonly FaultFocus[]): fc.Arbitrary<Command> {
  return fc.record({ parts: anyFault, focus: fc.constantFrom(...focuses) }).map(({ parts, focus }) => {
    const wanted = { ...parts, ...focus }
    return new Step(`fault(${JSON.stringify(wanted)})`, (run) => run.fault({ ...wanted, on: FILES[wanted.on] }))
  })
}

const crashing: fc.Arbitrary<CrashPlan> = fc.record({
  how: fc.constantFrom('kill' as const, 'power' as const, 'power' as const),
  share: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
  at: fc.oneof(
    fc.record({ changes: fc.oneof(fc.nat(4), fc.nat(30)) }),
    fc.record({
      // There are few calls of these kinds, so a count of all calls would rarely hit one.
      kind: fc.constantFrom<CallKind>('syncDirectory', 'sync', 'rename', 'link', 'remove', 'truncate'),
      changes: fc.nat(2),
    }),
  ),
})

/** Crashes in one of the next commands. */
const crashLater = crashing.map((plan) => new Step(`crash(${JSON.stringify(plan)})`, (run) => run.crashAt(plan)))

/** Crashes while these writes are in flight, perhaps during a compaction. */
const crashInWrites = fc
  .record({ plan: crashing, actions: fc.array(write, { minLength: 1, maxLength: 6 }), compacts: fc.boolean() })
  .map(({ plan, actions, compacts }) => {
    const text = `${compacts ? 'compact, ' : ''}${actions.map(describe).join(', ')}`
    return new Step(`crash(${JSON.stringify(plan)}) in (${text})`, async (run) => {
      await run.crashAt(plan)
      if (compacts) await run.startCompacting()
      for (const action of actions) {
        await run.write([action])
        await run.pass(1)
      }
      await run.check()
    })
  })

const closeAndOpen = fc
  .constantFrom('kill' as const, 'power' as const)
  .map((crash) => new Step(`close and open(${crash})`, (run) => run.closeAndOpen(crash)))

const step = (text: string, act: (run: Run) => Promise<void>) => fc.constant(text).map(() => new Step(text, act))

const USUAL = {
  write: writes(4),
  'write much': writes(30),
  check: step('check', (run) => run.check()),
  flush: step('flush', (run) => run.flush()),
  'start flushing': step('start flushing', (run) => run.startFlushing()),
  'start compacting': step('start compacting', (run) => run.startCompacting()),
  compact: step('compact', (run) => run.compact()),
  wait: fc.nat(2000).map((ms) => new Step(`wait(${ms})`, (run) => run.wait(ms))),
  'close and open': closeAndOpen,
  'hand over': step('hand over', (run) => run.handOver()),
  'take over': step('take over', (run) => run.takeOver()),
  verify: step('verify', (run) => run.verify()),
  'crash later': crashLater,
  'crash in writes': crashInWrites,
}

export type CommandName = keyof typeof USUAL | 'fault' | 'heal'

/** Commands that are not listed have weight 1. */
const WEIGHTS: Partial<Record<CommandName, number>> = {
  write: 3,
  'start compacting': 2,
  'crash in writes': 4,
  fault: 2,
  heal: 2,
}
const WEIGHT_OF_OFTEN = 8

/** What a run concentrates on. */
export interface CommandFocus {
  /** These commands come much more often. */
  readonly often?: readonly CommandName[]
  /** Only these faults occur. */
  readonly faults?: readonly FaultFocus[]
}

/** `withFaults`: calls fail as well. Each kind of run goes deeper if they are kept apart. */
export function commands(
  withFaults: boolean,
  maxCommands: number,
  { often = [], faults = [...USUAL_FAULTS, {}, {}, {}] }: CommandFocus = {},
): fc.Arbitrary<Iterable<Command>> {
  const faulty = { fault: fault(faults), heal: step('heal', (run) => run.heal()) }
  const all = Object.entries<fc.Arbitrary<Command>>(withFaults ? { ...USUAL, ...faulty } : USUAL)
  const weighted = all.flatMap(([name, command]) => {
    const weight = WEIGHTS[name as CommandName] ?? 1
    return Array<typeof command>(often.includes(name as CommandName) ? WEIGHT_OF_OFTEN : weight).fill(command)
  })
  return fc.commands(weighted, { maxCommands, size: 'max' })
}

export interface RunParameters {
  readonly profile: Profile
  readonly options: Omit<StoreOptions, 'dir'>
  readonly seed: number
}

export const parameters: fc.Arbitrary<RunParameters> = fc.record({
  profile: fc.constantFrom<Profile>('posix', 'posix', 'ext4'),
  options: fc.record({
    durability: fc.constantFrom('always' as const, 'always' as const, 'os' as const, 'interval' as const),
    compaction: fc.constantFrom<NonNullable<StoreOptions['compaction']>>(
      { minBytes: 3000 },
      { minBytes: 500, growth: 0.5 },
      false,
    ),
    backups: fc.constantFrom(3, 3, 1, 0),
    // With a small cache, or none, values are read from the file again.
    cacheBytes: fc.constantFrom(0, 0, 3000, 1_000_000),
    mainFile: fc.constantFrom<'auto' | boolean>(false, false, 'auto'),
    times: fc.boolean(),
  }),
  seed: fc.nat(),
})
