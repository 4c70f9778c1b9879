import type { Bug } from '../bug.js'
import { SOURCES } from '../sources.js'

/** Bugs in writing and acknowledging. */

export const commitBugs: readonly Bug[] = [
  {
    name: 'acknowledge before sync',
    what: 'A write is acknowledged before it is synced.',
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
    name: 'acknowledge with the previous group',
    what: 'A record is acknowledged by the sync in flight, which began before the record was written.',
    edits: [
      { file: SOURCES.groupCommit, from: 'const { done } = group', to: 'const { done } = this.#syncing ?? group' },
    ],
    focus: {},
  },
  {
    name: 'sync joined while in flight',
    what: 'A request for a sync joins the sync in flight, although that began before the last write.',
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
    name: 'synced counted at the end of the sync',
    what: 'A sync is assumed to cover records that were written while it was in flight.',
    edits: [{ file: SOURCES.logWriter, from: 'Math.max(this.#syncedSeq, syncedSeq)', to: 'this.#writtenSeq' }],
    focus: { options: { durability: 'os' } },
  },
  {
    name: 'synced names unsynced records',
    what: 'Lines name records as synced that were only written, so that a torn tail looks like damage.',
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
    what: 'A short write counts as complete.',
    edits: [{ file: SOURCES.logWriter, from: 'if (written !== length)', to: 'if (written > length)' }],
    focus: {},
  },
  {
    name: 'a short write is not cut off',
    what: 'The bytes of a write without space stay after the last record.',
    edits: [{ file: SOURCES.logWriter, from: 'this.#file.truncate(this.#offset)', to: 'this.#offset' }],
    focus: {},
  },
  {
    name: 'a failed sync is tried again',
    what: 'A failed sync is retried; the second one succeeds, and the writes are acknowledged.',
    edits: [
      { file: SOURCES.logWriter, from: 'this.#file.sync()', to: 'this.#file.sync().catch(() => this.#file.sync())' },
    ],
    focus: {
      options: { durability: 'always', compaction: false },
      faults: [{ kind: 'sync', on: 'log', code: 'EIO', nth: 1, times: 1, happens: false }],
    },
  },
  {
    name: 'no undo without space',
    what: 'Writes that were rejected for lack of space stay in memory.',
    edits: [{ file: SOURCES.groupCommit, from: 'undo(groups)\n    if (first)', to: 'if (first)' }],
    focus: {},
  },
  {
    name: 'no undo after a failure',
    what: 'Writes that were rejected because of a failed sync stay in memory.',
    edits: [{ file: SOURCES.groupCommit, from: 'undo(groups)\n    this.owner', to: 'this.owner' }],
    focus: {},
  },
  {
    name: 'undo in the wrong order',
    what: 'Of two rejected writes of one key the first is undone first, so that its value comes back.',
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
    name: 'numbers of rejected records are not reused',
    what: 'Records after rejected ones have higher numbers, and the gap ends the log.',
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
    what: 'close() resolves without a sync.',
    edits: [
      {
        file: SOURCES.engine,
        from: 'await this.flush().then(undefined,',
        to: 'await log.groupCommit.settled().then(undefined,',
      },
    ],
    focus: { options: { durability: 'os' }, often: ['close and open'] },
  },
  {
    name: 'the lock is released before the last write',
    what: 'close() releases the lock while its own writes are still in flight.',
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
