import type { Bug } from '../bug.js'
import { SOURCES } from '../sources.js'

/** Opening after a crash. */

export const recoveryBugs: readonly Bug[] = [
  {
    name: 'the torn tail is not cut',
    what: 'New records are written over the torn ones, and what is longer of those stays behind them.',
    edits: [{ file: SOURCES.repair, from: 'file.truncate(offset)', to: '' }],
    focus: {},
  },
  {
    name: 'append after a gap',
    what: 'New records are written where the torn tail ended, with a gap ahead of them.',
    edits: [{ file: SOURCES.liveLog, from: 'opened.endOffset,', to: 'opened.endOffset + opened.recovery.cutBytes,' }],
    focus: {},
  },
  {
    name: 'the torn tail is not set aside',
    what: 'What is cut off is nowhere any more.',
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
    name: 'what is set aside is not synced',
    what: 'What is cut off can be lost when the power goes while the store is being opened.',
    edits: [{ file: SOURCES.repair, from: 'await aside.sync()', to: '' }],
    focus: {},
  },
  {
    name: 'the name of what is set aside is not synced',
    what: 'What is cut off can be lost when the power goes while the store is being opened.',
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
    what: 'What the last owner had only in the page cache is shown, and the power takes it.',
    edits: [
      { file: SOURCES.openLog, from: 'markHandled(file.sync())', to: 'markHandled(Promise.resolve())' },
      { file: SOURCES.repair, from: 'await this.#throwing(file.sync())', to: '' },
    ],
    focus: { options: { durability: 'os', compaction: false }, often: ['crash in writes'] },
  },
  {
    name: 'what was cut and written again is not synced',
    what: 'Behind its repair of the end the log is as it was before: pages that a failed sync has lost, or the torn tail.',
    edits: [{ file: SOURCES.repair, from: 'await this.#throwing(file.sync())', to: '' }],
    focus: {
      faults: [{ kind: 'sync', on: 'log', code: 'EIO', happens: false, nth: 1 }],
      options: { durability: 'always', compaction: false },
      often: ['crash later', 'fault'],
    },
  },
  {
    name: 'unproven records are not written again',
    what: 'Pages that a failed sync has lost are synced once more, which does nothing, and are shown as if they were on disk.',
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
    what: 'The note of a failure is not heeded.',
    edits: [{ file: SOURCES.openLog, from: '!found.isDamaged && !this.isSuspect &&', to: '!found.isDamaged &&' }],
    focus: {},
  },
  {
    name: 'the directory is not synced when the log is opened',
    what: 'A name that the last owner had given but not synced is taken away by the power, with what was written since.',
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
    name: 'a torn tail is damage',
    what: 'What a crash has torn is taken for damage.',
    edits: [{ file: SOURCES.judgeTail, from: '!this.#mustExist(this.#places.get(line) as number)', to: 'false' }],
    focus: {},
  },
  {
    name: 'checksums are not looked at',
    what: 'Whatever ends like a line is taken for one.',
    edits: [{ file: SOURCES.checksum, from: 'crc32(line.subarray(0, end)) === written', to: 'written !== -2' }],
    focus: {},
  },
]
