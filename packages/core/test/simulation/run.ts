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

/** The parameters of a run of the model test. */
export interface Setup {
  readonly profile: Profile
  readonly options: Omit<StoreOptions, 'dir'>
  readonly random: Random
  /** A recovery is crashed at most this often before it may finish. @default 3 */
  readonly crashesInRecovery?: number
  /** After every power cut the store is opened on this many disks that the cut may leave. @default 1 */
  readonly powerCuts?: number
  /** Called before every file system call. */
  readonly onCall?: (call: SimulatedCall, run: Run) => void
}

/** When and how a process dies. */
export interface CrashPlan {
  readonly how: Crash
  /** After this many calls that change the disk, or this many of one kind. */
  readonly at: { readonly changes: number; readonly kind?: CallKind }
  /** The share of its bytes that a write has written when the process dies in it. */
  readonly share: number | undefined
}

/** A disk, and what must be on it, at one moment of a run. */
export interface Moment {
  readonly machine: SimulatedMachine
  readonly witness: Witness
}

/**
 * About the number of calls of an opening that change the disk.
 * After the last one there is no crash.
 */
const CHANGES_OF_OPENING = 15
const LOCK = /\.lock/
/** After this many turns the background sync and one before it have ended. */
const TURNS_OF_SYNCS = 60

/**
 * Takes one store through writes, faults and crashes, with a witness of its answers. It uses only the store's public API
 * and the file system interface, so it does not depend on how the engine works inside.
 */
export class Run {
  #machine: SimulatedMachine
  #process!: SimulatedProcess
  #fate!: Fate
  #store!: Store
  #crash: Crash = 'kill'
  #compacting: Promise<void> = Promise.resolve()
  /** An error of an operation that no step awaits. */
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

  /**
   * Opens the store for the first time.
   * If a call fails, the opening may fail, and the next one must succeed.
   */
  async begin(fault?: Fault): Promise<void> {
    const { process, fate } = this.#newProcess(this.#machine)
    if (fault) fate.add(fault)
    const outcome = await settle(process, process.open(this.setup.options))
    if (outcome.kind === 'resolved') this.#continueWith(process, fate, outcome.value)
    else {
      if (outcome.kind === 'rejected' && !(fate.hit.length && outcome.error instanceof FlatlogError))
        throw outcome.error
      this.#checkFiles(process)
      process.kill()
      await this.#openAgain()
    }
  }

  /**
   * Opens the store for the first time, through crashes, which must leave nothing.
   * A store that was never ready is new again.
   */
  async beginThroughCrashes(): Promise<void> {
    const { random } = this.setup
    const crash = random.pick(['kill', 'power'] as const)
    for (let crashes = random.below(3); crashes > 0; crashes--) await this.#crashInRecovery(crash)
    await this.begin()
    this.#found(crash)
  }

  /** A copy of the disk and the witness at this moment. */
  moment(): Moment {
    return { machine: this.#machine.clone(), witness: this.#witness.clone() }
  }

  /** The first step of a run that begins at a moment: recovers from the crash there. */
  async recoverFrom(crash: Crash): Promise<void> {
    await this.#recover(crash)
  }

  /** Ends the run. */
  leave(): void {
    this.#process.kill()
  }

  /** Starts writes without waiting for them. */
  async write(actions: readonly WriteAction[]): Promise<void> {
    await this.#whenUp()
    for (const action of actions) {
      if (this.#process.isDead) return
      this.#writer.write(action)
    }
  }

  /** Waits for every answer and checks that the state of the store matches the answers. */
  async check(): Promise<void> {
    await this.#whenUp()
    const outcome = await settle(this.#process, this.#witness.answered())
    if (outcome.kind === 'rejected') throw outcome.error
    if (outcome.kind === 'died') return
    const now = this.#process.clock.now()
    const [shown, wanted] = [this.#shown(), this.#witness.visible(now)]
    if (shown !== wanted) throw new Error(`the store shows\n  ${shown}\nbut by its answers it must show\n  ${wanted}`)
  }

  async flush(): Promise<void> {
    await this.#do((store) => store.flush())
  }

  /** Starts a flush without waiting for it, so that other operations come during the sync. */
  async startFlushing(): Promise<void> {
    await this.#whenUp()
    const line = this.#witness.line()
    const process = this.#process
    this.#runInBackground(this.#store.flush().then(() => process.isDead || line()))
  }

  /** Starts a compaction without waiting for it: it runs during the next steps. */
  async startCompacting(): Promise<void> {
    await this.#whenUp()
    this.#compacting = this.#runInBackground(this.#store.compact())
  }

  /** An unexpected failure of the promise fails the next step. */
  #runInBackground(promise: Promise<unknown>): Promise<void> {
    const [process, fate] = [this.#process, this.#fate]
    return promise.then(
      () => {},
      (error: unknown) => {
        const isClosed = (error as { code?: string }).code === 'FLATLOG_CLOSED'
        if (!process.isDead && !isClosed && fate.hit.length === 0) this.#surprise ??= error
      },
    )
  }

  /** Waits until the last compaction that was started has succeeded or failed. */
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
    throw new Error(`verify() found damage in a sound store: ${JSON.stringify(outcome.value.damage)}`)
  }

  /** Lets this many turns of the event loop pass. */
  async pass(count: number): Promise<void> {
    await this.#whenUp()
    await turns(count)
  }

  /**
   * Lets time pass.
   * With `interval`, records that were acknowledged before a whole interval are then on disk.
   */
  async wait(ms: number): Promise<void> {
    await this.#whenUp()
    const { durability, syncIntervalMs = 1000 } = this.setup.options
    const line = this.#witness.acknowledgedLine()
    this.#process.clock.advance(ms)
    if (durability !== 'interval' || ms < syncIntervalMs) return
    await turns(TURNS_OF_SYNCS)
    if (!this.#process.isDead && this.#store.health().ok) line()
  }

  /** Makes calls fail from now on. */
  async fault(fault: Fault): Promise<void> {
    await this.#whenUp()
    this.#fate.add(fault)
  }

  /** Ends all faults, and reopens the store if it has failed. */
  async heal(): Promise<void> {
    await this.#whenUp()
    this.#fate.heal()
    await this.check()
    if (this.#process.isDead || this.#store.health().ok) return
    const outcome = await settle(this.#process, this.#store.reopen())
    if (outcome.kind === 'rejected') throw outcome.error
    if (outcome.kind === 'resolved') this.#found('kill')
  }

  /** Closes the store, and opens it again in a new process, perhaps after a power cut. */
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

  /**
   * Hands the store over to a process that waits for the lock while this one closes.
   * It must read all acknowledged writes.
   */
  async handOver(): Promise<void> {
    await this.#whenUp()
    // A failed store may keep its lock, because its process lives on.
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
    this.#continueWith(process, fate, opened.value)
    this.#found('kill')
  }

  /** Another process breaks the lock, and this one continues to write for a while. */
  async takeOver(): Promise<void> {
    await this.#whenUp()
    const [displaced, store] = [this.#process, this.#store]
    const { process, fate } = this.#newRival()
    this.#witness.displaced()
    // Pending operations of the displaced owner may fail from here on.
    this.#fate.hit.push('the log is taken over')
    const opened = await settle(process, process.open({ ...this.setup.options, takeOver: true }))
    if (opened.kind !== 'resolved') throw opened.kind === 'rejected' ? opened.error : new Error('the next owner died')
    this.#continueWith(process, fate, opened.value)
    this.#found('kill')
    for (let write = 1; write <= 3; write++) {
      store.set('a', 'of a displaced owner').catch(() => {})
      this.#writer.write({ do: 'set', key: 'b:1', fill: 10 * write })
      await turns(2)
    }
    await this.check()
    displaced.kill()
  }

  /** Starts a second process on this machine. From now on nothing happens to the first one. */
  #newRival(): { process: SimulatedProcess; fate: Fate } {
    this.#fate.heal()
    this.#fate.spare()
    const rival = this.#newProcess(this.#machine)
    const { clock } = rival.process
    clock.advance(Math.max(0, this.#process.clock.now() - clock.now()))
    return rival
  }

  /** Makes the process die in the planned call, whichever step makes it. */
  async crashAt({ how, at, share }: CrashPlan): Promise<void> {
    await this.#whenUp()
    this.#crash = how
    const { changes, kind } = at
    const counts = kind === undefined ? this.#countedCalls() : (call: SimulatedCall) => call.kind === kind
    this.#fate.dieAfter(changes, share, counts)
  }

  /**
   * Selects calls that change the disk, mostly without those on the lock.
   * Those are many and matter little.
   */
  #countedCalls(): (call: SimulatedCall) => boolean {
    const withLock = this.setup.random.below(4) === 0
    return (call) => isChange(call) && (withLock || !LOCK.test(call.path))
  }

  /** The last step: crashes with everything in flight, and checks the state. */
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

  /** Operations may fail only after a fault, and only with a FlatlogError. */
  #checkError(error: unknown): void {
    if (this.#process.isDead) return
    if (!(error instanceof FlatlogError)) throw error
    if (this.#fate.hit.length === 0) throw error
  }

  async #whenUp(): Promise<void> {
    if (this.#surprise) throw this.#surprise
    if (this.#process.isDead) await this.#recover(this.#crash)
  }

  /**
   * Recovers twice: straight through, and through crashes inside recovery.
   * Both must lead to the same state.
   */
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
    // An opening without a repair has little that a crash could leave unfinished.
    const mostCrashes = once.recovery.clean ? Math.min(1, crashesInRecovery) : crashesInRecovery
    for (let crashes = random.below(mostCrashes + 1); crashes > 0; crashes--) {
      await this.#crashInRecovery(crash)
    }
    await this.#openAgain()
    this.#kept.lookAfter(this.#machine)
    this.#found(crash)
    const [here, there] = [this.#process.clock, straight.clock]
    // Both clocks must show the same time, so that the same keys have expired.
    there.advance(Math.max(0, here.now() - there.now()))
    here.advance(Math.max(0, there.now() - here.now()))
    const [first, second] = [textOfStore(once), this.#shown()]
    straight.kill()
    if (first !== second) throw new Error(`recovered once: ${first}\nrecovered after crashes: ${second}`)
  }

  /** Checks another disk that this power cut may leave. */
  async #lookAt(machine: SimulatedMachine): Promise<void> {
    const { process } = this.#newProcess(machine)
    const store = await this.#openIn(process)
    withoutDamage(store)
    this.#witness.clone().found(textOfStore(store), process.clock.now(), 'power')
    process.kill()
  }

  /**
   * Crashes an opening in the same way as the store.
   * A power cut after a kill could lose more than the kill.
   */
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
    this.#continueWith(process, fate, await this.#openIn(process))
  }

  #continueWith(process: SimulatedProcess, fate: Fate, store: Store): void {
    mainFileOf(this.#machine)
    this.#process = process
    this.#fate = fate
    this.#store = store
    this.#compacting = Promise.resolve()
  }

  /**
   * Checks after a clean close that the main file is the state.
   * It may still contain keys that have expired since.
   */
  #checkMainFile(): void {
    if (!this.setup.options.mainFile) return
    const main = new Set(Object.entries(mainFileOf(this.#machine) ?? {}).map(([key, value]) => lineOf(key, value)))
    const there = this.#witness.lines(this.#process.clock.now())
    const mayBeThere = new Set([...there, ...this.#witness.timed])
    if (there.every((line) => main.has(line)) && [...main].every((line) => mayBeThere.has(line))) return
    throw new Error(`the main file contains\n  ${[...main]}\nbut the state is\n  ${there}`)
  }

  /** A process that has closed a store, or failed to open it, has no open file. */
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
    throw outcome.kind === 'rejected' ? outcome.error : new Error('the process died in an opening that should succeed')
  }

  /** The state that the store shows now. */
  #shown(): string {
    return this.#fate.paused(() => textOfStore(this.#store))
  }

  #found(crash: Crash): void {
    withoutDamage(this.#store)
    this.#witness.found(this.#shown(), this.#process.clock.now(), crash)
  }
}

/** Checks that a crash was not reported as damage. */
export function withoutDamage({ recovery: { damage, inDoubt, notes } }: Store): void {
  if (damage.length === 0 && inDoubt.length === 0) return
  throw new Error(`a crash was reported as damage: ${JSON.stringify({ damage, inDoubt, notes })}`)
}
