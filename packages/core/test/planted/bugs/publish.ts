import type { Bug } from '../bug.js'
import { SOURCES } from '../sources.js'

/** Bugs in compaction, in publishing and in replacing files. */

export const publishBugs: readonly Bug[] = [
  {
    name: 'a new generation overwrites the log',
    what: 'The new generation is copied over the bytes of the old one instead of being renamed.',
    edits: [
      {
        file: SOURCES.replaceLog,
        from: 'files.fileSystem.rename(files.unfinished, files.log)',
        to: `const [source, target] = [files.open(files.unfinished, 'read'), files.open(files.log, 'write')]
  target.truncate(0)
  await copyBytes({ from: source, start: 0, end: source.status().sizeBytes }, { to: target, at: 0 }, slices)
  await target.sync()
  source.close()
  target.close()
  files.fileSystem.remove(files.unfinished)`,
      },
      { file: SOURCES.compaction, from: 'fileSystem.renamesOpenFiles ? file :', to: '(file.close(), false) ? file :' },
    ],
    focus: {},
  },
  {
    name: 'the mark is overwritten in place',
    what: 'Small files are written over their old bytes instead of being replaced.',
    edits: [
      {
        file: SOURCES.wholeFile,
        from: 'fileSystem.rename(temporaryPath, path)',
        to: `if (fileSystem.status(path)) {
    const [source, target] = [fileSystem.open(temporaryPath, 'read'), fileSystem.open(path, 'write')]
    const bytes = Buffer.alloc(source.status().sizeBytes)
    source.read(bytes, 0)
    target.truncate(0)
    target.write(bytes, 0)
    await target.sync()
    source.close()
    target.close()
    fileSystem.remove(temporaryPath)
  } else fileSystem.rename(temporaryPath, path)`,
      },
    ],
    focus: {},
  },
  {
    name: 'small files get their names before their bytes are on disk',
    what: 'The mark is renamed before it is synced.',
    edits: [{ file: SOURCES.wholeFile, from: 'await write(file)\n    await file.sync()', to: 'await write(file)' }],
    focus: {},
  },
  {
    name: 'the old generation is removed first',
    what: 'The log is removed before the new generation gets its name, so that there is no log for a moment.',
    edits: [
      {
        file: SOURCES.replaceLog,
        from: 'files.fileSystem.rename(files.unfinished, files.log)',
        to: 'files.fileSystem.remove(files.log)\n  files.fileSystem.rename(files.unfinished, files.log)',
      },
    ],
    focus: {},
  },
  {
    name: 'no sync of the directory after the rename',
    what: 'Writes are acknowledged in a new generation whose name is not on disk.',
    edits: [
      {
        file: SOURCES.replaceLog,
        from: 'files.fileSystem.rename(files.unfinished, files.log)\n  await files.syncNames()',
        to: 'files.fileSystem.rename(files.unfinished, files.log)',
      },
    ],
    focus: {},
  },
  {
    name: 'no sync of the directory after a first log',
    what: 'The mark of a new store can outlive the name of its log.',
    edits: [
      {
        file: SOURCES.replaceLog,
        from: 'files.fileSystem.rename(files.first, files.log)\n  await files.syncNames()',
        to: 'files.fileSystem.rename(files.first, files.log)',
      },
    ],
    focus: {},
  },
  {
    name: 'no sync of new directories',
    what: 'The directories of a new store are not on disk when its first writes are acknowledged.',
    edits: [{ file: SOURCES.openStore, from: 'syncs.push(syncNames(fileSystem, each, isOurs))', to: '' }],
    focus: {},
  },
  {
    name: 'a new generation is not synced',
    what: 'A compaction renames a file whose bytes are not on disk.',
    edits: [
      { file: SOURCES.compaction, from: 'await file.sync()\n    return written', to: 'return written' },
      {
        file: SOURCES.compaction,
        from: 'await this.#copyLaterRecords(file)\n      await file.sync()',
        to: 'await this.#copyLaterRecords(file)',
      },
    ],
    focus: {},
  },
  {
    name: 'the end of a new generation is not synced',
    what: 'The records that were copied last, while writes waited, are not synced before the new generation is published.',
    edits: [
      {
        file: SOURCES.compaction,
        from: 'await this.#copyLaterRecords(file)\n      await file.sync()',
        to: 'await this.#copyLaterRecords(file)',
      },
    ],
    focus: {},
  },
  {
    name: 'a first log is not synced',
    what: 'A first log, or one made after a failure, gets its name before its bytes are on disk.',
    edits: [
      {
        file: SOURCES.newGeneration,
        from: 'await file.sync()',
        to: '',
      },
    ],
    focus: {},
  },
  {
    name: 'writes are not held while publishing',
    what: 'Writes are acknowledged in the old generation while the new one is being published.',
    edits: [{ file: SOURCES.groupCommit, from: 'this.#held = true', to: '' }],
    focus: {},
  },
  {
    name: 'later records are not copied',
    what: 'Records that were written while the checkpoint was made are not in the new generation.',
    edits: [
      {
        file: SOURCES.compaction,
        from: 'await this.#copyLaterRecords(file)\n      await file.sync()',
        to: 'await file.sync()',
      },
      { file: SOURCES.compaction, from: ' || rest.lastSeq !== writer.writtenSeq', to: '' },
    ],
    focus: {},
  },
  {
    name: 'undone records stay in the checkpoint',
    what:
      'A compaction continues although records in its frozen state were rejected, and covers their numbers; nor does it ' +
      'notice when it reads the new file back that the later records do not follow.',
    edits: [
      {
        file: SOURCES.compaction,
        from: 'await log.groupCommit.seal()',
        to: 'await log.groupCommit.seal().catch(() => log.writer.offset)',
      },
      {
        file: SOURCES.compaction,
        from: 'if (!rest.complete || rest.lastSeq !== writer.writtenSeq) throw this.#unreadable(file)',
        to: 'void rest',
      },
    ],
    focus: {
      faults: [{ kind: 'write', on: 'log', code: 'ENOSPC', happens: false, nth: 1, times: 1 }],
      often: ['write', 'start compacting', 'fault'],
    },
  },
  {
    name: 'the mark names unsynced records',
    what: 'The mark names records that were only written.',
    edits: [
      {
        file: SOURCES.maintenance,
        from: 'syncedSeq: writer.syncedSeq',
        to: 'syncedSeq: writer.writtenSeq',
      },
    ],
    focus: { options: { durability: 'os' } },
  },
  {
    name: 'the newest backup is removed',
    what: 'Rotation removes the newest backup instead of the oldest.',
    edits: [
      {
        file: SOURCES.sideFiles,
        from: 'generations.backups.filter(',
        to: 'generations.backups.toReversed().filter(',
      },
    ],
    focus: {},
  },
  {
    name: 'backups are never rotated',
    what: 'No backup is ever removed.',
    edits: [{ file: SOURCES.sideFiles, from: 'await files.fileSystem.removeLong(path)', to: '' }],
    focus: {},
  },
  {
    name: 'an owner that lost its lock still renames files',
    what: 'An owner that lost its lock during a compaction or a close renames its files over those of the next owner.',
    edits: [
      {
        file: SOURCES.openStore,
        from: '() => mustHold(lock, files)',
        to: '() => {}',
      },
    ],
    focus: { often: ['take over', 'start compacting'] },
  },
  {
    name: 'the old generation is not kept',
    what: 'A compaction leaves no backup.',
    edits: [{ file: SOURCES.replaceLog, from: 'await keepAs(files, files.log, keepOldAs, slices)', to: '' }],
    focus: {},
  },
  {
    name: 'deleted keys come back in memory',
    what: 'Values that were read from a part are still returned after a compaction has replaced the part.',
    edits: [
      {
        file: SOURCES.checkpoint,
        from: 'for (const part of this.parts.made()) part.isGone = true\n',
        to: '',
      },
    ],
    focus: { often: ['compact', 'check', 'write'], options: { cacheBytes: 1_000_000 } },
  },
  {
    name: 'deleted keys come back in the file',
    what: 'The checkpoint is written without the tombstones of the frozen tail.',
    edits: [
      {
        file: SOURCES.frozenState,
        from: 'merged = walk.isLive(nowMs) ? walk.spelled() : undefined',
        to: 'merged = walk.isLive(nowMs) ? walk.spelled() : pair?.key === walk.key ? pair : undefined',
      },
    ],
    focus: {},
  },
  {
    name: 'cleared prefixes are forgotten',
    what: 'Parts with cleared keys are copied unchanged into the next checkpoint.',
    edits: [
      {
        file: SOURCES.frozenState,
        from: 'const isCleared = cleared.mayTouch(part.firstKey, end)',
        to: 'const isCleared = false',
      },
    ],
    focus: {},
  },
  {
    name: 'an expired key has its former value again',
    what: 'An expired entry does not hide the value that the checkpoint has for its key.',
    edits: [
      {
        file: SOURCES.layers,
        from: 'if (state === TOMBSTONE || !isLive(state, nowMs)) return undefined',
        to: 'if (state === TOMBSTONE) return undefined\n      if (!isLive(state, nowMs)) continue',
      },
      {
        file: SOURCES.layers,
        from: 'isLive(checkpoint, this.nowMs)) return true',
        to: `isLive(checkpoint, this.nowMs)) return true
      if (isInTails && !tails.isDeleted && checkpoint.key === key) {
        tails.advance()
        continue
      }`,
      },
      {
        file: SOURCES.layers,
        from: '/** The value of the key, which must be live. */',
        to: 'get isDeleted() {\n    return this.#state === TOMBSTONE\n  }',
      },
    ],
    focus: { often: ['wait', 'compact', 'check'] },
  },
  {
    name: 'values are read at their offsets before the compaction',
    what: 'Records that were written during a compaction have other offsets in the new file, and theirs are not updated.',
    edits: [
      {
        file: SOURCES.state,
        from: 'tail.moveTo(checkpoint.file, shift)',
        to: 'tail.moveTo(checkpoint.file, 0)',
      },
    ],
    focus: { often: ['start compacting', 'write'], options: { cacheBytes: 0 } },
  },
  {
    name: 'an undone record leaves its key',
    what: 'The key of a rejected record hides the value in the checkpoint when the next checkpoint is written.',
    edits: [
      {
        file: SOURCES.layers,
        from: 'if (first === undefined || this.#findState(first)) return',
        to: 'if (first === undefined) return\n      if (!this.#findState(first)) this.#state = TOMBSTONE\n      return',
      },
    ],
    focus: {
      faults: [{ kind: 'write', on: 'log', code: 'ENOSPC', happens: false }],
      often: ['start compacting', 'fault'],
    },
  },
]
