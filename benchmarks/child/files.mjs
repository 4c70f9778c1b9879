import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The total size of the files. A file may be removed while they are counted. */
export function bytesOf(files) {
  let bytes = 0
  for (const file of files) bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0
  return bytes
}

export function bytesIn(dir) {
  return bytesOf(filesIn(dir))
}

export function filesIn(dir) {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
