import { FlatlogError, type Store, type StoreOptions } from '../support/core.js'
import type { CallKind } from '../support/faulty-file-system.js'
import type { Random } from '../support/random.js'
import type { Profile } from './disk.js'
import { Fate, type Fault, isChange } from './faults.js'
import type { SimulatedCall } from './file-system.js'
import { backupsBefore, Kept } from './kept.js'
import { lookReadOnly, mainFileOf } from './looks.js'
import { SimulatedMachine, type SimulatedProcess } from './machine.js'
import { settle, turns } from './settle.js'
import { type Crash, lineOf, textOfStore, Witness } from './witness.js'
import { type WriteAction, Writer } from './writes.js'

/** How a run of the model test is set up. */
export interface Setup {
  readonly profile: Profile
  readonly options: Omit<StoreOptions, 'dir'>
  readonly random: Random
  /** Recovery is crashed so often at most before it is let through. @default 3 */
  readonly crashesInRecovery?: number
  /** From every power cut the store is opened on so many disks that the cut may leave. @default 1 */
  readonly powerCuts?: number
  /** Called before every call of the process that has the store open. */
  readonly onCall?: (call: SimulatedCall, run: Run) => void
}

/** When a process is to die. */
export interface CrashPlan {
  readonly how: Crash
  /** Behind so many calls that change the disk; where a kind is named, of that kind. */
  readonly at: { readonly changes: number; readonly kind?: CallKind }
  /** Of a write that it dies in, so much is done. */
  readonly share: number | undefined
}

/** A disk and what must be on it, at one moment of a run. */
export interface Moment {
  readonly machine: SimulatedMachine
  readonly witness: Witness
}

/** An opening makes about so many calls that change something; a crash at one behind the last is none. */
const CHANGES_OF_OPENING = 15
const LOCK = /\.lock/
/** The background sync has ended after so many turns, and one that was in flight before it. */
const TURNS_OF_SYNCS = 60

/**
 * One store through writes, faults and crashes, and the witness of what it said. Everything is done through the
 * store's public API and the file-system interface, so that nothing here knows how the engine works inside.
 */
export class Run {
  #machine: SimulatedMachine
  #process!: SimulatedProcess
  #fate!: Fate
  #store!: Store
  #crash: Crash = 'kill'
  #compacting: Promise<void> = Promise.resolve()
  /** An error of something that nobody waits for. */
  #surprise: unknown
  readonly #kept = new Kept()
  readonly #witness: Witness
  readonly #writer: Writer

  constructor(
    private readonly setup: Setup,
    moment?: Moment,
  ) {
    this.#machine = moment?.machine ?? SimulatedMachine.withNewDisk(setup.profile, setup.random)
    this.#witness = moment?.witness ?? new Witness((setup.options.durability ?? 'always') === 'always')
    this.#writer = new Writer(
      this.#witness,
      () => this.#store,
      () => this.#process.clock.now(),
      () => !this.#process.isDead,
    )
  }

  get store(): Store {
    return this.#store
  }

  /** The first opening. Where a call goes wrong in it, it may fail, and the next one has to succeed. */
  async begin(fault?: Fault): Promise<void> {
    const { process, fate } = this.#newProcess(this.#machine)
    if (fault) fate.add(fault)
    const outcome = await settle(process, process.open(this.setup.options))
    if (outcome.kind === 'resolved') this.#goOnWith(process, fate, outcome.value)
    else {
      if (outcome.kind === 'rejected' && !(fate.hit.length && outcome.error instanceof FlatlogError))
        throw outcome.error
      this.#checkFiles(process)
      process.kill()
      await this.#openAgain()
    }
  }

  /** The same through crashes. Nothing is left of them: a store that was never ready is a new one. */
  async beginThroughCrashes(): Promise<void> {
    const { random } = this.setup
    const crash = random.pick(['kill', 'power'] as const)
    for (let crashes = random.below(3); crashes > 0; crashes--) await this.#crashInRecovery(crash)
    await this.begin()
    this.#found(crash)
  }

  /** This very moment: what is on the disk, and what was answered so far. */
  moment(): Moment {
    return { machine: this.#machine.clone(), witness: this.#witness.clone() }
  }

  /** The first step behind a moment: the crash that it ended in. */
  async recoverFrom(crash: Crash): Promise<void> {
    await this.#recover(crash)
  }

  /** Nothing more is wanted of this run. */
  leave(): void {
    this.#process.kill()
  }

  /** Asks for writes without waiting for them. */
  async write(actions: readonly WriteAction[]): Promise<void> {
    await this.#whenUp()
    for (const action of actions) {
      if (this.#process.isDead) return
      this.#writer.write(action)
    }
  }

  /** Waits for every answer, and sees that the store shows what it has answered. */
  async check(): Promise<void> {
    await this.#whenUp()
    const outcome = await settle(this.#process, this.#witness.answered())
    if (outcome.kind === 'rejected') throw outcome.error
    if (outcome.kind === 'died') return
    const now = this.#process.clock.now()
    const [shown, wanted] = [this.#shown(), this.#witness.visible(now)]
    if (shown !== wanted) throw new Error(`the store shows\n  ${shown}\nand by its answers it is\n  ${wanted}`)
  }

  async flush(): Promise<void> {
    await this.#do((store) => store.flush())
  }

  /** Not waited for, so that others come while the disk is at work. */
  async startFlushing(): Promise<void> {
    await this.#whenUp()
    const line = this.#witness.line()
    const process = this.#process
    this.#goesOn(this.#store.flush().then(() => process.isDead || line()))
  }

  /** Not waited for: it goes on beside what follows. */
  async startCompacting(): Promise<void> {
    await this.#whenUp()
    this.#compacting = this.#goesOn(this.#store.compact())
  }

  /** It may fail as everything else, but nobody waits to hear of it. */
  #goesOn(promise: Promise<unknown>): Promise<void> {
    const [process, fate] = [this.#process, this.#fate]
    return promise.then(
      () => {},
      (error: unknown) => {
        const isClosed = (error as { code?: string }).code === 'FLATLOG_CLOSED'
        if (!process.isDead && !isClosed && fate.hit.length === 0) this.#surprise ??= error
      },
    )
  }

  /** The compaction that was started last has ended in one way or the other. */
  async compacted(): Promise<void> {
    await this.#whenUp()
    await settle(this.#process, this.#compacting)
  }

  async compact(): Promise<void> {
    await this.#whenUp()
    const checkBackups = backupsBefore(this.#machine, this.#store, this.setup.options.backups ?? 3)
    await this.#do((store) => store.compact())
    if (this.#process.isDead || this.#fate.hit.length > 0 || this.#store.stats().compacting) return
    checkBackups()
  }

  async verify(): Promise<void> {
    await this.#whenUp()
    const outcome = await settle(this.#process, this.#store.verify())
    if (outcome.kind === 'rejected') this.#checkError(outcome.error)
    if (outcome.kind !== 'resolved' || this.#fate.hit.length > 0 || outcome.value.ok) return
    throw new Error(`verify() found damage where there is none: ${JSON.stringify(outcome.value.damage)}`)
  }

  /** So many turns of the event loop go by. */
  async pass(count: number): Promise<void> {
    await this.#whenUp()
    await turns(count)
  }

  /** Time goes by. Where records are synced in intervals, those are on disk that were there for a whole one. */
  async wait(ms: number): Promise<void> {
    await this.#whenUp()
    const { durability, syncIntervalMs = 1000 } = this.setup.options
    const line = this.#witness.acknowledgedLine()
    this.#process.clock.advance(ms)
    if (durability !== 'interval' || ms < syncIntervalMs) return
    await turns(TURNS_OF_SYNCS)
    if (!this.#process.isDead && this.#store.health().ok) line()
  }

  /** From now on, calls go wrong. */
  async fault(fault: Fault): Promise<void> {
    await this.#whenUp()
    this.#fate.add(fault)
  }

  /** The disk is well again, and a store that has failed goes on. */
  async heal(): Promise<void> {
    await this.#whenUp()
    this.#fate.heal()
    await this.check()
    if (this.#process.isDead || this.#store.health().ok) return
    const outcome = await settle(this.#process, this.#store.reopen())
    if (outcome.kind === 'rejected') throw outcome.error
    if (outcome.kind === 'resolved') this.#found('kill')
  }

  /** A clean close, and a new process that opens the store again, perhaps after the power was gone. */
  async closeAndOpen(crash: Crash = 'kill'): Promise<void> {
    await this.#whenUp()
    this.#fate.heal()
    const hasFailed = !this.#store.health().ok
    const line = this.#witness.line()
    const closed = await settle(this.#process, this.#store.close())
    if (closed.kind === 'rejected') this.#checkError(closed.error)
    if (closed.kind === 'died') return
    await this.#witness.answered()
    if (closed.kind === 'resolved' && !hasFailed) line()
    this.#checkFiles(this.#process)
    if (this.#fate.hit.length === 0) this.#checkMainFile()
    this.#process.kill()
    await this.#recover(crash)
    const { clean, notes } = this.#store.recovery
    if (closed.kind === 'resolved' && !hasFailed && !clean) throw new Error(`not clean after a close: ${notes}`)
  }

  /** The next process waits for the lock while this one closes the store: it goes on with all that this one has said. */
  async handOver(): Promise<void> {
    await this.#whenUp()
    // One that has failed may leave its lock behind, and this process lives on.
    if (!this.#store.health().ok) return
    const former = this.#process
    const { process, fate } = this.#newRival()
    const closing = this.#store.close()
    const opening = process.open({ ...this.setup.options, lockWaitMs: 60_000 })
    const [closed, opened] = await Promise.all([settle(former, closing), settle(process, opening)])
    if (closed.kind === 'rejected') this.#checkError(closed.error)
    if (opened.kind !== 'resolved') throw opened.kind === 'rejected' ? opened.error : new Error('the next owner died')
    await this.#witness.answered()
    former.kill()
    this.#goOnWith(process, fate, opened.value)
    this.#found('kill')
  }

  /** Another process takes the log over by force, and this one writes on for a while without knowing it. */
  async takeOver(): Promise<void> {
    await this.#whenUp()
    const [robbed, store] = [this.#process, this.#store]
    const { process, fate } = this.#newRival()
    this.#witness.robbed()
    // What the robbed owner has under way may fail from here on.
    this.#fate.hit.push('the log is taken over')
    const opened = await settle(process, process.open({ ...this.setup.options, takeOver: true }))
    if (opened.kind !== 'resolved') throw opened.kind === 'rejected' ? opened.error : new Error('the next owner died')
    this.#goOnWith(process, fate, opened.value)
    this.#found('kill')
    for (let write = 1; write <= 3; write++) {
      store.set('a', 'of a robbed owner').catch(() => {})
      this.#writer.write({ do: 'set', key: 'b:1', fill: 10 * write })
      await turns(2)
    }
    await this.check()
    robbed.kill()
  }

  /** Another process of this machine, beside the one that has the store open, whom from now on nothing befalls. */
  #newRival(): { process: SimulatedProcess; fate: Fate } {
    this.#fate.heal()
    this.#fate.spare()
    const rival = this.#newProcess(this.#machine)
    const { clock } = rival.process
    clock.advance(Math.max(0, this.#process.clock.now() - clock.now()))
    return rival
  }

  /** The process dies at that call, whatever is done then. */
  async crashAt({ how, at, share }: CrashPlan): Promise<void> {
    await this.#whenUp()
    this.#crash = how
    const { changes, kind } = at
    const counts = kind === undefined ? this.#countedCalls() : (call: SimulatedCall) => call.kind === kind
    this.#fate.dieAfter(changes, share, counts)
  }

  /** Those that change something; mostly not the lock, as there are so many of those and so little depends on them. */
  #countedCalls(): (call: SimulatedCall) => boolean {
    const withLock = this.setup.random.below(4) === 0
    return (call) => isChange(call) && (withLock || !LOCK.test(call.path))
  }

  /** The last step: whatever is still under way is cut, and the state must be a possible one. */
  async end(): Promise<void> {
    await this.#whenUp()
    if (this.setup.random.below(2) === 0) await settle(this.#process, this.#witness.answered())
    if (!this.#process.isDead) this.#process.kill()
    await this.#recover(this.setup.random.pick(['kill', 'power'] as const))
    await this.verify()
    await this.closeAndOpen()
    await this.check()
    await settle(this.#process, this.#store.close())
    this.#process.kill()
  }

  async #do(action: (store: Store) => Promise<unknown>): Promise<void> {
    await this.#whenUp()
    const line = this.#witness.line()
    const outcome = await settle(this.#process, action(this.#store))
    if (outcome.kind === 'rejected') this.#checkError(outcome.error)
    if (outcome.kind === 'resolved') line()
  }

  /** Calls may fail only where a fault was asked for, and then with an error that says what happened. */
  #checkError(error: unknown): void {
    if (this.#process.isDead) return
    if (!(error instanceof FlatlogError)) throw error
    if (this.#fate.hit.length === 0) throw error
  }

  async #whenUp(): Promise<void> {
    if (this.#surprise) throw this.#surprise
    if (this.#process.isDead) await this.#recover(this.#crash)
  }

  /** After a crash: once straight through, once through crashes inside recovery. Both must lead to the same state. */
  async #recover(crash: Crash): Promise<void> {
    const { random, crashesInRecovery = 3, powerCuts = 1 } = this.setup
    if (crash === 'power') {
      const others = this.#machine.disk.isDirty(LOCK) ? powerCuts - 1 : 0
      for (let other = 0; other < others; other++) await this.#lookAt(this.#machine.powerCut())
      this.#machine = this.#machine.powerCut()
    }
    this.#kept.lookBefore(this.#machine)
    await lookReadOnly(this.setup, { machine: this.#machine, witness: this.#witness }, crash)
    if (crashesInRecovery === 0) {
      await this.#openAgain()
      this.#kept.lookAfter(this.#machine)
      this.#found(crash)
      return
    }
    const straight = this.#newProcess(this.#machine.clone()).process
    const once = await this.#openIn(straight)
    // Where there is nothing to repair, an opening has little that a crash could leave half done.
    const mostCrashes = once.recovery.clean ? Math.min(1, crashesInRecovery) : crashesInRecovery
    for (let crashes = random.below(mostCrashes + 1); crashes > 0; crashes--) {
      await this.#crashInRecovery(crash)
    }
    await this.#openAgain()
    this.#kept.lookAfter(this.#machine)
    this.#found(crash)
    const [here, there] = [this.#process.clock, straight.clock]
    // What expired meanwhile has expired in both.
    there.advance(Math.max(0, here.now() - there.now()))
    here.advance(Math.max(0, there.now() - here.now()))
    const [first, second] = [textOfStore(once), this.#shown()]
    straight.kill()
    if (first !== second) throw new Error(`recovered once: ${first}\nrecovered after crashes: ${second}`)
  }

  /** Another disk that this power cut may leave. */
  async #lookAt(machine: SimulatedMachine): Promise<void> {
    const { process } = this.#newProcess(machine)
    const store = await this.#openIn(process)
    withoutDamage(store)
    this.#witness.clone().found(textOfStore(store), process.clock.now(), 'power')
    process.kill()
  }

  /** Crashed in the same way as the store was: a power cut behind a kill may take more than the kill did. */
  async #crashInRecovery(crash: Crash): Promise<void> {
    const { random } = this.setup
    const { process, fate } = this.#newProcess(this.#machine)
    const share = random.below(2) === 0 ? random.next() : undefined
    fate.dieAfter(random.below(CHANGES_OF_OPENING), share, this.#countedCalls())
    const outcome = await settle(process, process.open(this.setup.options))
    if (outcome.kind === 'rejected') throw outcome.error
    process.kill()
    if (crash === 'power') this.#machine = this.#machine.powerCut()
  }

  async #openAgain(): Promise<void> {
    const { process, fate } = this.#newProcess(this.#machine)
    this.#goOnWith(process, fate, await this.#openIn(process))
  }

  #goOnWith(process: SimulatedProcess, fate: Fate, store: Store): void {
    mainFileOf(this.#machine)
    this.#process = process
    this.#fate = fate
    this.#store = store
    this.#compacting = Promise.resolve()
  }

  /** After a clean close the main file is the state; what has expired since it was written may still stand in it. */
  #checkMainFile(): void {
    if (!this.setup.options.mainFile) return
    const main = new Set(Object.entries(mainFileOf(this.#machine) ?? {}).map(([key, value]) => lineOf(key, value)))
    const there = this.#witness.lines(this.#process.clock.now())
    const mayBeThere = new Set([...there, ...this.#witness.timed])
    if (there.every((line) => main.has(line)) && [...main].every((line) => mayBeThere.has(line))) return
    throw new Error(`the main file has\n  ${[...main]}\nand the state is\n  ${there}`)
  }

  /** Whoever has closed a store, or could not open it, has no file of it open. */
  #checkFiles({ fileSystem: { openFiles } }: SimulatedProcess): void {
    if (openFiles.size) throw new Error(`still open: ${[...openFiles].map(({ path }) => path)}`)
  }

  #newProcess(machine: SimulatedMachine): { process: SimulatedProcess; fate: Fate } {
    const { random } = this.setup
    const process = machine.start()
    const fate = new Fate(() => 1 + (random.below(4) === 0 ? random.below(20) : 0))
    const { onCall } = this.setup
    process.onCall = (call) => {
      onCall?.(call, this)
      return fate.onCall(call)
    }
    return { process, fate }
  }

  async #openIn(process: SimulatedProcess): Promise<Store> {
    const outcome = await settle(process, process.open(this.setup.options))
    if (outcome.kind === 'resolved') return outcome.value
    throw outcome.kind === 'rejected' ? outcome.error : new Error('the process died in an opening that was to succeed')
  }

  /** The state as the store shows it now. */
  #shown(): string {
    return this.#fate.paused(() => textOfStore(this.#store))
  }

  #found(crash: Crash): void {
    withoutDamage(this.#store)
    this.#witness.found(this.#shown(), this.#process.clock.now(), crash)
  }
}

/** A crash is no damage, and nothing is in doubt after it. */
export function withoutDamage({ recovery: { damage, inDoubt, notes } }: Store): void {
  if (damage.length === 0 && inDoubt.length === 0) return
  throw new Error(`a crash was taken for damage: ${JSON.stringify({ damage, inDoubt, notes })}`)
}
