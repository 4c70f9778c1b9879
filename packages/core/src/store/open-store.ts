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
import { FlatlogError, ioError, isNoSpace, noSpaceToOpen, systemCode, withPath } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { type LastWriter, LogOpener } from '../recovery/open-log.js'
import { Store } from './store.js'

/** Opens a store: directory → lock → log (choose, read, judge, set aside, repair, replay) → ready. */
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
    return await openEngine(machine, files, resolved, lock)
  })
  return new Store(engine, release)
}

/** Opens the log under the lock. Releases the lock if that fails. */
async function openEngine(machine: Machine, files: StoreFiles, options: ResolvedOptions, lock: Lock): Promise<Engine> {
  const hasFailed = lock.inheritedFailure !== undefined
  const own = hasFailed ? files.forSuccessor(lock.token) : files
  const guarded = own.through(new GuardedFileSystem(machine.fileSystem, () => mustHold(lock, files)))
  try {
    const open = (last: LastWriter) => withPath('open', files.log, () => new LogOpener(guarded, options, last).open())
    const opened = await open({ hasFailed, wasReleased: lock.wasReleased })
    try {
      const engine = new Engine(guarded, options, lock, opened, () => open({ hasFailed: true, wasReleased: false }))
      lock.confirmOpened()
      return engine
    } catch (error) {
      opened.file.close()
      throw ioError('open', files.log, error)
    }
  } catch (error) {
    // Unsynced bytes may be in the page cache only, where the next open would read and trust them: note it in the lock.
    try {
      if (error instanceof FlatlogError && error.code === 'FLATLOG_FAILED') lock.noteFailure(error.message)
    } catch {
      // release() tries again.
    }
    try {
      lock.release()
    } catch {
      // Report the first error. A lock that its owner could not remove does not count as held.
    }
    throw isNoSpace(error) ? noSpaceToOpen('to create or repair', files.log, error) : error
  }
}

function mustHold(lock: Lock, files: StoreFiles): void {
  if (lock.isHeld()) return
  throw new FlatlogError(
    'FLATLOG_LOCKED',
    `Another process took over ${files.lock} while the store was open here. This process no longer touches the store's ` +
      'files. What to do: leave the store to the other process, or close it there and open it here again.',
    { path: files.lock },
  )
}

/** Creates the store's directories and syncs their parents, so that a power cut cannot remove them and the log. */
async function makeDirectories(machine: Machine, options: ResolvedOptions): Promise<StoreFiles> {
  const { fileSystem } = machine
  try {
    const made = fileSystem.makeDirectory(join(options.dir, 'logs'))
    const directory = fileSystem.realPath(options.dir)
    const topmost = made === undefined ? directory : fileSystem.realPath(made)
    // Also sync existing directories: the process that created them may have been killed before it synced them.
    const syncs: Promise<void>[] = []
    for (let each = directory; ; each = dirname(each)) {
      const isOurs = each.length >= topmost.length
      syncs.push(syncNames(fileSystem, each, isOurs))
      if (!isOurs || each === dirname(each)) break
    }
    await Promise.all(syncs)
    return new StoreFiles(machine, directory, checkName(options.name))
  } catch (error) {
    throw ioError('create the directory', options.dir, error)
  }
}

async function syncNames(fileSystem: FileSystem, directory: string, isOurs: boolean): Promise<void> {
  try {
    await fileSystem.syncDirectory(directory)
  } catch (error) {
    // We may lack the right to open a parent, and it is needed only if we created a directory in it.
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
