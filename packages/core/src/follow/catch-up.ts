import type { ChangedRecord } from '../engine/events.js'
import type { Clock } from '../platform/clock.js'
import { Slices } from '../platform/clock.js'
import type { State } from '../state/state.js'
import { differences } from './differences.js'
import type { FollowedLog } from './followed-log.js'
import type { ReadState } from './read-state.js'

/** What watchers have not been told of yet: what has come of a state that another one has taken the place of. */
export class CatchUp {
  #isLastTry = false

  constructor(
    private readonly former: ReadState,
    /** The records behind that one are the changes. Without it, what differs between the two states is told. */
    private since: number | undefined,
  ) {}

  /** Yet another state has taken the place: the one between the two was told to nobody. */
  goOn(between: ReadState, goesOn: boolean): void {
    between.file?.close()
    if (!goesOn) this.since = undefined
    this.#isLastTry = false
  }

  /** Throws what fails. It is to be tried once more then, and not again and again: it may be damage, which stays. */
  async tell(
    log: FollowedLog | undefined,
    present: State,
    clock: Clock,
    last: { readonly seq: number; readonly crc: string },
    tell: (record: ChangedRecord) => void,
  ): Promise<void> {
    const slices = new Slices(clock)
    const listener = {
      isListening: true,
      tell: (record: ChangedRecord) => {
        tell(record)
        this.since = record.seq
      },
    }
    if (this.since !== undefined && (await log?.tellFrom(this.since, slices, listener))) return
    const place = { ...last, timestamp: log?.lastTimestamp ?? new Date(clock.now()).toISOString() }
    for await (const operation of differences(this.former.state, present, clock.now(), slices)) {
      tell({ ...place, operation })
    }
  }

  /** False where there was a failure before. */
  mayTryAgain(): boolean {
    const may = !this.#isLastTry
    this.#isLastTry = true
    return may
  }

  close(): void {
    this.former.file?.close()
  }
}
