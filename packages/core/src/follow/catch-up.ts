import type { ChangedRecord } from '../engine/events.js'
import type { Clock } from '../platform/clock.js'
import { Slices } from '../platform/clock.js'
import type { State } from '../state/state.js'
import { differences } from './differences.js'
import type { FollowedLog } from './followed-log.js'
import type { ShownState } from './read-state.js'

/** The changes that watchers have not been notified of, after another state has replaced the former one. */
export class CatchUp {
  #hasFailed = false

  constructor(
    private readonly former: ShownState,
    /** The changes are the records after this one. If undefined, they are the differences between the two states. */
    private since: number | undefined,
  ) {}

  /** The state was replaced again, before watchers were notified of the one between. `continues`: so do its records. */
  replaceAgain(between: ShownState, continues: boolean): void {
    between.file?.close()
    if (!continues) this.since = undefined
    this.#hasFailed = false
  }

  /** Notifies of all changes. After an error, call it again, but only as long as `shouldRetry` says so. */
  async notify(
    log: FollowedLog | undefined,
    present: State,
    clock: Clock,
    last: { readonly seq: number; readonly crc: string },
    notify: (record: ChangedRecord) => void,
  ): Promise<void> {
    const slices = new Slices(clock)
    const listener = {
      isListening: true,
      notify: (record: ChangedRecord) => {
        notify(record)
        this.since = record.seq
      },
    }
    if (this.since !== undefined && (await log?.notifyAfter(this.since, slices, listener))) return
    const place = { ...last, timestamp: log?.lastTimestamp ?? new Date(clock.now()).toISOString() }
    for await (const operation of differences(this.former.state, present, clock.now(), slices)) {
      notify({ ...place, operation })
    }
  }

  /** True after the first error of a state. A second one may be damage, which stays. */
  shouldRetry(): boolean {
    const isFirst = !this.#hasFailed
    this.#hasFailed = true
    return isFirst
  }

  close(): void {
    this.former.file?.close()
  }
}
