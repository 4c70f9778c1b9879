import type { Bug } from '../bug.js'
import { SOURCES } from '../sources.js'

/** Bugs in opening after a crash. */

export const recoveryBugs: readonly Bug[] = [
  {
    name: 'the torn tail is not cut',
    what: 'New records are written over the torn tail, whose end stays after them if it is longer.',
    edits: [{ file: SOURCES.repair, from: 'file.truncate(offset)', to: '' }],
    focus: {},
  },
  {
    name: 'append after a gap',
    what: 'New records are written where the torn tail ended, after a gap.',
    edits: [{ file: SOURCES.liveLog, from: 'opened.endOffset,', to: 'opened.endOffset + opened.recovery.cutBytes,' }],
    focus: {},
  },
  {
    name: 'the torn tail is not set aside',
    what: 'The bytes that are cut off are lost.',
    edits: [
      {
        file: SOURCES.repair,
        from: 'await this.#setAside(file, offset)',
        to: "''",
      },
    ],
    focus: {},
  },
  {
    name: 'the torn tail is set aside without a sync',
    what: 'The bytes that are cut off can be lost in a power cut during the opening.',
    edits: [{ file: SOURCES.repair, from: 'await aside.sync()', to: '' }],
    focus: {},
  },
  {
    name: 'the torn tail is set aside without a sync of its name',
    what: 'The bytes that are cut off can be lost in a power cut during the opening.',
    edits: [
      {
        file: SOURCES.repair,
        from: 'aside.close()\n      await files.syncNames()',
        to: 'aside.close()',
      },
    ],
    focus: {},
  },
  {
    name: 'the log is not synced when it is opened',
    what: 'Records that are only in the page cache are read, and then lost in a power cut.',
    edits: [
      { file: SOURCES.openLog, from: 'markHandled(file.sync())', to: 'markHandled(Promise.resolve())' },
      { file: SOURCES.repair, from: 'await this.#throwing(file.sync())', to: '' },
    ],
    focus: { options: { durability: 'os', compaction: false }, often: ['crash in writes'] },
  },
  {
    name: 'the repaired end is not synced',
    what: 'After a power cut the end of the log is as it was before the repair: with lost pages or a torn tail.',
    edits: [{ file: SOURCES.repair, from: 'await this.#throwing(file.sync())', to: '' }],
    focus: {
      faults: [{ kind: 'sync', on: 'log', code: 'EIO', happens: false, nth: 1 }],
      options: { durability: 'always', compaction: false },
      often: ['crash later', 'fault'],
    },
  },
  {
    name: 'unproven records are not written again',
    what: 'Pages that a failed sync has lost are only synced again, which does nothing, and are read as if they were on disk.',
    edits: [
      {
        file: SOURCES.repair,
        from: 'await copyBytes({ from: file, start, end }',
        to: 'void ({ from: file, start, end }',
      },
    ],
    focus: {},
  },
  {
    name: 'the suspect file is appended to',
    what: 'The note of a failure in the lock is ignored.',
    edits: [{ file: SOURCES.openLog, from: 'this.last.hasFailed || isDamaged', to: 'isDamaged' }],
    focus: {},
  },
  {
    name: 'the directory is not synced when the log is opened',
    what: 'A power cut undoes a rename that the last owner did not sync, and loses all later writes.',
    edits: [
      {
        file: SOURCES.openLog,
        from: 'markHandled(files.syncNames())',
        to: 'undefined',
      },
    ],
    focus: {},
  },
  {
    name: 'a torn tail is reported as damage',
    what: 'The torn tail of a crash is treated as damage.',
    edits: [{ file: SOURCES.judgeTail, from: '!this.#mustExist(this.#places.get(line) as number)', to: 'false' }],
    focus: {},
  },
  {
    name: 'checksums are not checked',
    what: 'A line with a wrong checksum is accepted.',
    edits: [{ file: SOURCES.checksum, from: 'crc32(line.subarray(0, end)) === written', to: 'written !== -2' }],
    focus: {},
  },
]
