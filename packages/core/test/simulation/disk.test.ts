import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../support/core.js'
import { systemError } from '../support/faulty-file-system.js'
import { Random } from '../support/random.js'
import type { Profile } from './disk.js'
import { SimulatedMachine } from './machine.js'

/**
 * The simulated disk must lose everything that a disk may lose.
 * Otherwise the tests on it find no bug.
 */

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed)

/**
 * Everything that the next boot may find after a power cut at one moment.
 * Calls `look` after many of them.
 */
async function seenAfter(
  profile: Profile,
  work: (fileSystem: FileSystem, root: string, fault: (error: Error | undefined) => void) => Promise<void>,
  look: (fileSystem: FileSystem, root: string) => string,
): Promise<Set<string>> {
  const machine = SimulatedMachine.withNewDisk(profile, new Random(1))
  const process = machine.start()
  let error: Error | undefined
  process.onCall = ({ kind }) => (error && kind === 'sync' ? { error } : undefined)
  const { fileSystem } = process
  fileSystem.makeDirectory(`${fileSystem.mount}/data`)
  await fileSystem.syncDirectory(fileSystem.mount)
  await work(fileSystem, `${fileSystem.mount}/data`, (next) => {
    error = next
  })
  const seen = new Set<string>()
  for (const seed of SEEDS) {
    const after = machine.rebootedFrom(machine.disk, new Random(seed)).start().fileSystem
    seen.add(look(after, `${after.mount}/data`))
  }
  return seen
}

const bytesOf = (fileSystem: FileSystem, path: string): Buffer | undefined => {
  if (!fileSystem.status(path)) return undefined
  const file = fileSystem.open(path, 'read')
  const bytes = Buffer.alloc(file.status().sizeBytes)
  file.read(bytes, 0)
  return bytes
}

/** The content of a file, as one letter for every 512 bytes. */
const sectorsOf = (fileSystem: FileSystem, path: string): string => {
  const bytes = bytesOf(fileSystem, path) ?? Buffer.alloc(0)
  const letters: string[] = []
  for (let at = 0; at < bytes.length; at += 512) {
    const sector = bytes.subarray(at, at + 512)
    const first = String.fromCharCode(sector[0] as number)
    const isOne = sector.every((byte) => byte === sector[0])
    letters.push(!isOne ? '?' : first === '\0' ? '0' : first)
  }
  return letters.join('')
}

async function durable(fileSystem: FileSystem, path: string, text: string): Promise<void> {
  const file = fileSystem.open(path, 'create')
  file.write(text, 0)
  await file.sync()
  await fileSystem.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}

const sectors = (letter: string, count: number) => letter.repeat(512 * count)

describe.each(['posix', 'ext4'] as const)('after a power cut (%s)', (profile) => {
  test('synced bytes are kept, whatever was written later', async () => {
    const seen = await seenAfter(
      profile,
      async (fileSystem, root) => {
        await durable(fileSystem, `${root}/file`, sectors('a', 3))
        fileSystem.open(`${root}/file`, 'write').write(sectors('b', 5), 512 * 3)
      },
      (fileSystem, root) => sectorsOf(fileSystem, `${root}/file`).slice(0, 3),
    )
    expect([...seen]).toEqual(['aaa'])
  })

  test('an unsynced write may be lost, kept or torn', async () => {
    const seen = await seenAfter(
      profile,
      async (fileSystem, root) => {
        await durable(fileSystem, `${root}/file`, sectors('a', 8))
        fileSystem.open(`${root}/file`, 'write').write(sectors('b', 8), 0)
      },
      (fileSystem, root) => sectorsOf(fileSystem, `${root}/file`),
    )
    expect(seen).toContain('aaaaaaaa')
    expect(seen).toContain('bbbbbbbb')
    const torn = [...seen].filter((each) => each.includes('a') && each.includes('b'))
    expect(torn.length).toBeGreaterThan(0)
  })

  test('an unsynced name may be lost, even if the file itself was synced', async () => {
    const seen = await seenAfter(
      profile,
      async (fileSystem, root) => {
        await durable(fileSystem, `${root}/old`, 'old')
        fileSystem.rename(`${root}/old`, `${root}/new`)
      },
      (fileSystem, root) => fileSystem.list(root).sort().join(),
    )
    // A rename is atomic: never both names, never none.
    expect([...seen].sort()).toEqual(['new', 'old'])
  })
})

describe('with the profile posix but not with ext4', () => {
  const twoWrites = async (fileSystem: FileSystem, root: string) => {
    await durable(fileSystem, `${root}/file`, sectors('a', 8))
    const file = fileSystem.open(`${root}/file`, 'write')
    file.write(sectors('b', 1), 0)
    file.write(sectors('c', 1), 512 * 7)
  }

  test('a later write may survive without an earlier one', async () => {
    const look = (fileSystem: FileSystem, root: string) => sectorsOf(fileSystem, `${root}/file`)
    expect(await seenAfter('posix', twoWrites, look)).toContain('aaaaaaac')
    expect(await seenAfter('ext4', twoWrites, look)).not.toContain('aaaaaaac')
  })

  test('the new end of a file may contain zeros or garbage', async () => {
    const seen = await seenAfter(
      'posix',
      async (fileSystem, root) => {
        await durable(fileSystem, `${root}/file`, sectors('a', 1))
        fileSystem.open(`${root}/file`, 'write').write(sectors('b', 3), 512)
      },
      (fileSystem, root) => sectorsOf(fileSystem, `${root}/file`),
    )
    expect(seen).toContain('a000')
    expect(seen).toContain('a???')
    expect(seen).toContain('a')
    expect(seen).toContain('abbb')
  })

  test('a later name may survive without an earlier one', async () => {
    const twoNames = async (fileSystem: FileSystem, root: string) => {
      fileSystem.open(`${root}/first`, 'create')
      fileSystem.open(`${root}/second`, 'create')
    }
    const look = (fileSystem: FileSystem, root: string) => fileSystem.list(root).join()
    expect(await seenAfter('posix', twoNames, look)).toContain('second')
    expect(await seenAfter('ext4', twoNames, look)).not.toContain('second')
  })

  test('the sync of a file does not make its name durable', async () => {
    const nameless = async (fileSystem: FileSystem, root: string) => {
      const file = fileSystem.open(`${root}/file`, 'create')
      file.write('bytes', 0)
      await file.sync()
    }
    const look = (fileSystem: FileSystem, root: string) => fileSystem.list(root).join()
    expect(await seenAfter('posix', nameless, look)).toContain('')
    expect([...(await seenAfter('ext4', nameless, look))]).toEqual(['file'])
  })
})

test('a failed sync loses pages that the page cache still shows, and the next sync succeeds', async () => {
  let shown = ''
  const seen = await seenAfter(
    'posix',
    async (fileSystem, root, fault) => {
      await durable(fileSystem, `${root}/file`, sectors('a', 8))
      const file = fileSystem.open(`${root}/file`, 'write')
      // Several tries, as each page is lost by chance.
      for (let page = 1; page <= 8; page++) file.write(sectors('b', 8), 4096 * page)
      fault(systemError('EIO'))
      await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
      fault(undefined)
      await file.sync()
      shown = sectorsOf(fileSystem, `${root}/file`)
    },
    (fileSystem, root) => sectorsOf(fileSystem, `${root}/file`),
  )
  expect(shown).toBe('a'.repeat(8) + 'b'.repeat(64))
  expect(seen.size).toBe(1)
  expect([...seen][0]).not.toBe(shown)
})

test('the page cache survives a killed process', () => {
  const machine = SimulatedMachine.withNewDisk('posix', new Random(1))
  const first = machine.start()
  first.fileSystem.makeDirectory(`${first.fileSystem.mount}/data`)
  const file = first.fileSystem.open(`${first.fileSystem.mount}/data/file`, 'create')
  file.write('abc', 0)
  first.onCall = ({ kind }) => (kind === 'write' ? { dies: true, keepBytes: 2 } : undefined)
  expect(() => file.write('def', 3)).toThrow()
  expect(first.isDead).toBe(true)
  expect(() => first.fileSystem.list(`${first.fileSystem.mount}/data`)).toThrow()
  const second = machine.start().fileSystem
  expect(bytesOf(second, `${second.mount}/data/file`)?.toString()).toBe('abcde')
})
