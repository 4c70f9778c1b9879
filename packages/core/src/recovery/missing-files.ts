import type { Recovery } from '../log/damage-report.js'
import type { Mark } from '../log/mark.js'
import { type Backup, isMainFileGone, type StorePaths } from '../log/store-files.js'
import type { FileSystem } from '../platform/file-system.js'

interface Beside {
  readonly fileSystem: FileSystem
  readonly paths: StorePaths
  readonly backups: readonly Backup[]
  readonly mark: Mark | null | undefined
  readonly recovery: Recovery
}

/** Notes a mark or a main file that is gone: the log can do without them, so it is not damage. */
export function noteMissingFiles({ fileSystem, paths, backups, mark, recovery }: Beside, lastSeq: number): void {
  if (mark === undefined && (lastSeq > 0 || backups.length > 0)) {
    recovery.notes.push(
      `${paths.name}.mark is gone: had the log lost its last records, nothing would show it. It is written anew.`,
    )
  }
  if (!mark) return
  if (mark.mainFileCrc !== null && isMainFileGone(fileSystem, paths)) {
    recovery.notes.push(`${paths.name}.json is gone. It is only a view of the log, and is written anew.`)
  }
}
