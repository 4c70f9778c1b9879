import { type Machine, openStoreOn, type Processes, type Store, type StoreOptions } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import type { Random } from '../support/random.js'
import { type Profile, SimulatedDisk } from './disk.js'
import { type OnCall, SimulatedFileSystem } from './file-system.js'

/** A machine with a simulated disk, on which processes start and die and the power is cut. */

let mounts = 0

/**
 * A clock that the test advances, and that advances a little whenever it is read.
 * So long work pauses often.
 */
class SimulatedClock extends ManualClock {
  constructor(start: number) {
    super(start, 1)
  }

  override setTimer(callback: () => void, delayMs: number) {
    const timer = super.setTimer(callback, delayMs)
    if (delayMs <= 0) setImmediate(() => this.advance(0))
    return timer
  }

  /**
   * Does not depend on how long the turn has lasted, unlike the real clock.
   * A seed must repeat a run exactly.
   */
  override afterTurn(callback: () => void): void {
    process.nextTick(callback)
  }
}

export class SimulatedProcess {
  readonly clock: SimulatedClock
  readonly fileSystem: SimulatedFileSystem
  readonly system: Machine

  constructor(
    private readonly machine: SimulatedMachine,
    readonly pid: number,
    random: Random,
    startMs: number,
  ) {
    this.clock = new SimulatedClock(startMs)
    this.fileSystem = new SimulatedFileSystem(machine.disk, `/mount-${++mounts}`, random, () => this.kill())
    this.system = {
      fileSystem: this.fileSystem,
      clock: this.clock,
      processes: processes(machine, pid, random),
    }
  }

  get isDead(): boolean {
    return this.fileSystem.isDead
  }

  set onCall(onCall: OnCall) {
    this.fileSystem.onCall = onCall
  }

  kill(): void {
    this.fileSystem.die()
    this.machine.ended(this)
    this.#forgetStores()
  }

  /** Removes the stores of a dead process from those that the engine remembers by their paths. */
  #forgetStores(): void {
    const { [Symbol.for('flatlog.engines.1')]: stores } = globalThis as { [name: symbol]: Map<string, unknown> }
    for (const path of stores?.keys() ?? []) if (path.startsWith(`${this.fileSystem.mount}/`)) stores?.delete(path)
  }

  open(options: Omit<StoreOptions, 'dir'>): Promise<Store> {
    const dir = `${this.fileSystem.mount}/data`
    return openStoreOn(this.system, { ...options, dir })
  }
}

export class SimulatedMachine {
  #processes = new Map<number, SimulatedProcess>()
  #nextPid = 100
  readonly listening = new Map<string, number>()

  constructor(
    readonly disk: SimulatedDisk,
    readonly random: Random,
    readonly bootId = 'boot-1',
    /** A process starts at the time at which the last one ended. */
    private nowMs = Date.parse('2025-01-15T12:00:00.000Z'),
  ) {}

  static withNewDisk(profile: Profile, random: Random): SimulatedMachine {
    return new SimulatedMachine(new SimulatedDisk(profile), random)
  }

  start(): SimulatedProcess {
    const started = new SimulatedProcess(this, this.#nextPid++, this.random, this.nowMs)
    this.#processes.set(started.pid, started)
    return started
  }

  isRunning(pid: number): boolean {
    return this.#processes.has(pid)
  }

  ended(ended: SimulatedProcess): void {
    this.#processes.delete(ended.pid)
    this.nowMs = Math.max(this.nowMs, ended.clock.now())
    for (const [address, pid] of this.listening) if (pid === ended.pid) this.listening.delete(address)
  }

  /** Kills all processes and returns the machine after a reboot, with what the disk has kept. */
  powerCut(): SimulatedMachine {
    for (const each of [...this.#processes.values()]) each.kill()
    return this.rebootedFrom(this.disk)
  }

  /** The machine after a power cut at a moment when its disk was like this one. */
  rebootedFrom(disk: SimulatedDisk, random = this.random): SimulatedMachine {
    return new SimulatedMachine(disk.afterPowerCut(random), random, `${this.bootId}+`, this.nowMs)
  }

  /** A copy with the same disk and no processes. */
  clone(random = this.random): SimulatedMachine {
    const copy = new SimulatedMachine(this.disk.clone(), random, this.bootId, this.nowMs)
    // A process of the copy must not have the number of a dead one of the original.
    copy.#nextPid = this.#nextPid
    return copy
  }
}

function processes(machine: SimulatedMachine, pid: number, random: Random): Processes {
  return {
    pid,
    thread: 0,
    host: 'simulated',
    bootId: machine.bootId,
    pidNamespace: 'pid:1',
    newToken: () =>
      Array.from({ length: 4 }, () =>
        random
          .below(2 ** 32)
          .toString(16)
          .padStart(8, '0'),
      ).join(''),
    processStart: (wanted) => (machine.isRunning(wanted) ? `start of ${wanted}` : undefined),
    async listen(_, token) {
      const address = `${token}.sock`
      machine.listening.set(address, pid)
      return { address, close: () => void machine.listening.delete(address) }
    },
    async probe(_, address) {
      return machine.listening.has(address) ? 'answers' : 'missing'
    },
  }
}
