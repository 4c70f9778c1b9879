import type { FileSystem } from '../support/core.js'
import type { SimulatedMachine } from './machine.js'

/** Reads and arranges the files of a simulated disk while no process has the store open. */

/** Changes files, durably. Paths are relative to the store's directory. */
export async function arrange(
  machine: SimulatedMachine,
  change: (files: { [path: string]: Buffer }) => { [path: string]: Buffer | string },
): Promise<void> {
  const process = machine.start()
  const { fileSystem } = process
  const root = `${fileSystem.mount}/data`
  const before = filesIn(fileSystem, root)
  const after = change({ ...before })
  fileSystem.makeDirectory(`${root}/logs`)
  await fileSystem.syncDirectory(fileSystem.mount)
  for (const path of Object.keys(before)) if (!(path in after)) fileSystem.remove(`${root}/${path}`)
  for (const [path, bytes] of Object.entries(after)) {
    if (before[path] === bytes) continue
    if (before[path]) fileSystem.remove(`${root}/${path}`)
    const file = fileSystem.open(`${root}/${path}`, 'create')
    file.write(bytes, 0)
    await file.sync()
    file.close()
  }
  await fileSystem.syncDirectory(`${root}/logs`)
  await fileSystem.syncDirectory(root)
  process.kill()
}

export function filesOf(machine: SimulatedMachine): { [path: string]: Buffer } {
  const process = machine.start()
  const files = filesIn(process.fileSystem, `${process.fileSystem.mount}/data`)
  process.kill()
  return files
}

function filesIn(fileSystem: FileSystem, root: string, below = ''): { [path: string]: Buffer } {
  const files: { [path: string]: Buffer } = {}
  if (!fileSystem.status(`${root}/${below}`)) return files
  for (const name of fileSystem.list(`${root}/${below}`)) {
    const path = `${below}${name}`
    const status = fileSystem.status(`${root}/${path}`)
    if (status?.kind === 'directory') Object.assign(files, filesIn(fileSystem, root, `${path}/`))
    else {
      const bytes = Buffer.alloc(status?.sizeBytes ?? 0)
      const file = fileSystem.open(`${root}/${path}`, 'read')
      file.read(bytes, 0)
      file.close()
      files[path] = bytes
    }
  }
  return files
}
