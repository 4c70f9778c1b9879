import type { Bug } from '../bug.js'
import { SOURCES } from '../sources.js'

/** Writing and acknowledging. */

export const commitBugs: readonly Bug[] = [
  {
    name: 'acknowledge before sync',
    what: 'A write is acknowledged when it is written, and the sync comes later.',
    edits: [
      {
        file: SOURCES.groupCommit,
        from: 'this.#acknowledgeWhenSynced(group)',
        to: '(this.#acknowledge(group), this.#acknowledgeWhenSynced(group))',
      },
    ],
    focus: {},
  },
  {
    name: 'acknowledge with the group before',
    what: 'A waiter is told by the sync that is in flight when its record comes, which began before that was written.',
    edits: [
      { file: SOURCES.groupCommit, from: 'const { done } = group', to: 'const { done } = this.#inFlight ?? group' },
    ],
    focus: {},
  },
  {
    name: 'sync joined while in flight',
    what: 'Whoever wants a sync while one is in flight is content with that one, though it began before the last write.',
    edits: [
      {
        file: SOURCES.logWriter,
        from: 'while (this.#syncing) await this.#syncing',
        to: 'if (this.#syncing) return this.#syncing',
      },
    ],
    focus: { options: { durability: 'os' }, often: ['flush'] },
  },
  {
    name: 'synced credited too late',
    what: 'A sync is taken to cover what was written while it was in flight.',
    edits: [{ file: SOURCES.logWriter, from: 'Math.max(this.#syncedSeq, syncedSeq)', to: 'this.#writtenSeq' }],
    focus: { options: { durability: 'os' } },
  },
  {
    name: 'synced claims what was only written',
    what: 'The numbers in the lines say that records are on disk which nothing has synced: a torn tail is taken for damage.',
    edits: [
      {
        file: SOURCES.logWriter,
        from: 'this.#syncedSeq === this.#writtenSyncedSeq ? undefined : this.#syncedSeq',
        to: 'this.#writtenSeq',
      },
    ],
    focus: { options: { durability: 'os' } },
  },
  {
    name: 'short write ignored',
    what: 'A write that took fewer bytes than it was given counts as done.',
    edits: [{ file: SOURCES.logWriter, from: 'if (written !== length)', to: 'if (written > length)' }],
    focus: {},
  },
  {
    name: 'no cutting back after a short write',
    what: 'The bytes of a write that found no room stay behind the last record.',
    edits: [{ file: SOURCES.logWriter, from: 'this.#file.truncate(this.#offset)', to: 'this.#offset' }],
    focus: {},
  },
  {
    name: 'a failed sync is tried again',
    what: 'After a failed sync a second one says that all is well, and the writes are acknowledged.',
    edits: [
      { file: SOURCES.logWriter, from: 'this.#file.sync()', to: 'this.#file.sync().catch(() => this.#file.sync())' },
    ],
    focus: {
      options: { durability: 'always', compaction: false },
      faults: [{ kind: 'sync', on: 'log', code: 'EIO', nth: 1, times: 1, happens: false }],
    },
  },
  {
    name: 'no undo when there is no room',
    what: 'What was rejected for lack of room stays in memory.',
    edits: [{ file: SOURCES.groupCommit, from: 'undo(groups)\n    if (first)', to: 'if (first)' }],
    focus: {},
  },
  {
    name: 'no undo after a failure',
    what: 'What was rejected because of a failed sync stays in memory.',
    edits: [{ file: SOURCES.groupCommit, from: 'undo(groups)\n    this.owner', to: 'this.owner' }],
    focus: {},
  },
  {
    name: 'undo in the wrong order',
    what: 'Of two rejected writes of one key the first is taken back first, so that its value comes back.',
    edits: [
      { file: SOURCES.groupCommit, from: 'groups.toReversed()', to: 'groups' },
      { file: SOURCES.groupCommit, from: 'group.records.toReversed()', to: 'group.records' },
    ],
    focus: {
      faults: [{ kind: 'write', on: 'log', code: 'ENOSPC', happens: false }],
      often: ['write much', 'fault'],
    },
  },
  {
    name: 'numbers are not given back',
    what: 'After rejected records the next ones go on with higher numbers, and the gap ends the log.',
    edits: [{ file: SOURCES.groupCommit, from: 'if (first) this.owner.onUndone(first.seq)', to: '' }],
    focus: {},
  },
  {
    name: 'a batch as single records',
    what: 'The operations of a batch are written one by one, so that a crash leaves some of them.',
    edits: [
      {
        file: SOURCES.engine,
        from: 'if (log.failure) return this.#refused(log.failure)',
        to: `if (log.failure) return this.#refused(log.failure)
    if (operation.kind === 'batch' && operation.operations.length > 1) {
      const proposals = operation.operations.map((each) => this.propose(each))
      return { ...this.#unchanged(), done: Promise.all(proposals.map((each) => each.done)).then(() => {}) }
    }`,
      },
    ],
    focus: {},
  },
  {
    name: 'closing without a sync',
    what: 'close() says that all is on disk and has synced nothing.',
    edits: [
      {
        file: SOURCES.engine,
        from: 'await this.flush()\n        await',
        to: 'await log.groupCommit.settled()\n        await',
      },
    ],
    focus: { options: { durability: 'os' }, often: ['close and open'] },
  },
  {
    name: 'the lock is released before the last write',
    what: 'close() lets the next owner in while its own writes are still on their way.',
    edits: [
      {
        file: SOURCES.engine,
        from: 'await this.#maintenance.stop()',
        to: 'log.releaseLock()\n      await this.#maintenance.stop()',
      },
    ],
    focus: {},
  },
]
