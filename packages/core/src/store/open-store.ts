import { dirname, join } from 'node:path'
import { Engine } from '../engine/engine.js'
import { shareEngine } from '../engine/shared-engines.js'
import { Follower } from '../follow/follower.js'
import { noStore } from '../follow/read-state.js'
import { GuardedFileSystem } from '../lock/guarded-file-system.js'
import { acquireLock, type Lock } from '../lock/lock.js'
import { checkName } from '../log/names.js'
import { StoreFiles } from '../log/store-files.js'
import { type ResolvedOptions, resolveOptions, type StoreOptions } from '../options.js'
import { FlatlogError, ioError, systemCode } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { LogOpener } from '../recovery/open-log.js'
import { Store } from './store.js'

/** The recipe: directory → lock → log (choose, read, judge, set aside, repair, replay) → ready. */
export async function openStoreOn(
  machine: Machine,
  options: StoreOptions | undefined,
  isTransient = false,
): Promise<Store> {
  const resolved = resolveOptions(options)
  const files = resolved.readOnly ? existingFiles(machine, resolved) : await makeDirectories(machine, resolved)
  if (resolved.readOnly) {
    const follower = await Follower.open(files, resolved)
    return new Store(follower, () => follower.close())
  }

  const { engine, release } = await shareEngine(files.log, resolved, isTransient, async () => {
    const { lockWaitMs, takeOver } = resolved
    const lock = await acquireLock(machine, files.lock, { waitMs: lockWaitMs, takeOver })
    return await openUnderLock(lock, async () => {
      const hadFailed = lock.inheritedFailure !== undefined
      const own = hadFailed ? files.forSuccessor(lock.token) : files
      const guarded = own.through(new GuardedFileSystem(machine.fileSystem, () => mustHold(lock, files)))
      const openLog = (isSuspect: boolean, wasReleased = false) =>
        describing(files, () => new LogOpener(guarded, resolved, isSuspect, wasReleased).open())
      const opened = await openLog(hadFailed, lock.wasReleased)
      try {
        return new Engine(guarded, resolved, lock, opened, () => openLog(true))
      } catch (error) {
        opened.file.close()
        throw ioError('open', files.log, error)
      }
    })
  })
  return new Store(engine, release)
}

async function openUnderLock(lock: Lock, open: () => Promise<Engine>): Promise<Engine> {
  try {
    return await open()
  } catch (error) {
    // What could not be synced may be in the page cache only, where the next open would find it and trust it.
    try {
      if (error instanceof FlatlogError && error.code === 'FLATLOG_FAILED') lock.noteFailure(error.message)
    } catch {
      // Tried again at the release.
    }
    try {
      lock.release()
    } catch {
      // The first error says what happened. A lock that its owner could not remove is one that nobody holds.
    }
    throw error
  }
}

function mustHold(lock: Lock, files: StoreFiles): void {
  if (lock.isHeld()) return
  throw new FlatlogError(
    'FLATLOG_LOCKED',
    `${files.lock} was taken over by another process while the store was open here; nothing more is done with its files. What ` +
      'to do: leave the store to that process, or close it there and open it here again.',
    { path: files.lock },
  )
}

async function describing<T>(files: StoreFiles, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    const { path } = error as { path?: unknown }
    throw ioError('open', typeof path === 'string' ? path : files.log, error)
  }
}

/** Directories are made durable in their parents: a log in a directory that a power cut takes away is no log. */
async function makeDirectories(machine: Machine, options: ResolvedOptions): Promise<StoreFiles> {
  const { fileSystem } = machine
  try {
    const made = fileSystem.makeDirectory(join(options.dir, 'logs'))
    const directory = fileSystem.realPath(options.dir)
    const topmost = made === undefined ? directory : fileSystem.realPath(made)
    // Also those that are there already: whoever made them may have been killed before they were synced.
    const syncs: Promise<void>[] = []
    for (let each = directory; ; each = dirname(each)) {
      const isOurs = each.length >= topmost.length
      syncs.push(syncNames(fileSystem, each, isOurs))
      if (!isOurs || each === dirname(each)) break
    }
    await Promise.all(syncs)
    return new StoreFiles(machine, directory, checkName(options.name))
  } catch (error) {
    throw ioError('make the directory', options.dir, error)
  }
}

async function syncNames(fileSystem: FileSystem, directory: string, isOurs: boolean): Promise<void> {
  try {
    await fileSystem.syncDirectory(directory)
  } catch (error) {
    // A parent that we made nothing in may be one that we cannot even open.
    if (isOurs || !['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) throw error
  }
}

function existingFiles(machine: Machine, options: ResolvedOptions): StoreFiles {
  try {
    return new StoreFiles(machine, machine.fileSystem.realPath(options.dir), checkName(options.name))
  } catch (error) {
    if (error instanceof FlatlogError) throw error
    if (systemCode(error) === 'ENOENT') throw noStore(options.name, options.dir)
    throw ioError('read', options.dir, error)
  }
}
