import fc from 'fast-check'
import type { StoreOptions } from '../../src/store/options.js'
import type { CallKind } from '../support/faulty-file-system.js'
import type { Profile } from './disk.js'
import type { FaultCode } from './faults.js'
import type { Run } from './run.js'
import { describe, type WriteAction } from './writes.js'

/** What the model test does to a store, as fast-check's commands: they shrink to the few that make it fail. */

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

/** Few keys, so that they meet often; with odd ones among them, and with one that is a prefix of others. */
const key = fc.constantFrom('a', 'a:1', 'a:2', 'b:1', 'b:2', 'b:3', '', '__proto__', '10', 'ä\n\u2028')
/** Mostly short; sometimes longer than a page, a part, or what is copied at once. */
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
  new: /\.log\.new$/,
  mark: /\.mark(\.new)?$/,
  main: /\.json(\.new)?$/,
  lock: /\.lock/,
  any: /./,
} as const

const fault = fc
  .record({
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
  .map((parts) => new Step(`fault(${JSON.stringify(parts)})`, (run) => run.fault({ ...parts, on: FILES[parts.on] })))

const crash = fc
  .record({
    how: fc.constantFrom('kill' as const, 'power' as const, 'power' as const),
    calls: fc.oneof(fc.nat(8), fc.nat(80)),
    share: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
  })
  .map(
    ({ how, calls, share }) =>
      new Step(`crashAfter(${how}, ${calls}, ${share})`, (run) => run.crashAfter(how, calls, share)),
  )

const step = (text: string, act: (run: Run) => Promise<void>) => fc.constant(text).map(() => new Step(text, act))

/** `withFaults`: calls go wrong as well. Apart, each kind of run goes deeper. */
export function commands(withFaults: boolean, maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  const usual: fc.Arbitrary<Command>[] = [
    writes(4),
    writes(4),
    writes(4),
    writes(30),
    step('check', (run) => run.check()),
    step('flush', (run) => run.flush()),
    step('start compacting', (run) => run.startCompacting()),
    step('start compacting', (run) => run.startCompacting()),
    step('compact', (run) => run.compact()),
    fc.nat(2000).map((ms) => new Step(`wait(${ms})`, (run) => run.wait(ms))),
    step('close and open', (run) => run.closeAndOpen()),
    step('verify', (run) => run.verify()),
    crash,
    crash,
  ]
  const faulty = [fault, fault, step('heal', (run) => run.heal()), step('heal', (run) => run.heal())]
  return fc.commands(withFaults ? [...usual, ...faulty] : usual, { maxCommands, size: 'max' })
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
    mainFile: fc.constantFrom<'auto' | boolean>(false, false, 'auto'),
    times: fc.boolean(),
  }),
  seed: fc.nat(),
})
