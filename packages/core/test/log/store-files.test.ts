import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkName, type Machine, StoreFiles } from '../support/core.js'
import { machine } from '../support/machine.js'

const TIME = Date.parse('2025-01-15T13:00:00.999Z')

/** The files of a store in a directory that does not exist, at a fixed time. */
function filesOf(name: string, ...existing: string[]): StoreFiles {
  const { clock, fileSystem, processes } = machine()
  const here: Machine = {
    processes,
    clock: { ...clock, now: () => TIME },
    fileSystem: Object.assign(Object.create(fileSystem), {
      status: (path: string) => (existing.includes(path) ? { kind: 'file', sizeBytes: 1, identity: path } : undefined),
    }),
  }
  return new StoreFiles(here, join('/', 'data'), name)
}

describe('names of stores', () => {
  it.each([
    'players',
    'A',
    '0',
    '_',
    '-',
    'a.b',
    'a..b',
    'tokens-2',
    'x'.repeat(100),
    'console',
    'com',
    'com10',
    'log',
    'json',
    'a.backup',
    'nul-1',
  ])('%s is valid', (name) => {
    expect(checkName(name)).toBe(name)
  })

  it.each<unknown>([
    '',
    '.',
    '..',
    '.hidden',
    'a/b',
    'a\\b',
    '../a',
    'a b',
    'a:b',
    'a\0',
    'a\n',
    'é',
    'a*',
    'x'.repeat(101),
    'a.',
    'a.b.',
    'a.log',
    'a.LOG',
    'a.log.b',
    'a.json',
    'a.lock',
    'a.mark',
    'a.Mark.backup',
    'con',
    'CON',
    'con.txt',
    'PRN',
    'aux',
    'nul',
    'NUL.x',
    'com1',
    'COM9',
    'com0',
    'lpt1',
    'LPT9.x',
    undefined,
    null,
    5,
    {},
  ])('%j is invalid', (name) => {
    expect(() => checkName(name)).toThrow(
      expect.objectContaining({ code: 'FLATLOG_INVALID_NAME', message: expect.stringContaining('What to do') }),
    )
  })
})

describe('files of a store', () => {
  const logs = join('/', 'data', 'logs')
  const backup = join(logs, 'players.log.backup.20250115T130000Z-0000000000000042')

  it('have the paths of the format description', () => {
    const files = filesOf('players')
    expect(files).toMatchObject({
      log: join(logs, 'players.log'),
      mark: join(logs, 'players.mark'),
      lock: join(logs, 'players.lock'),
      main: join('/', 'data', 'players.json'),
    })
    expect(files.newBackupPath(42)).toBe(backup)
    expect(files.newQuarantinePath(512)).toBe(join(logs, 'players.log.quarantine.20250115T130000Z-512'))
    expect(files.newDamagedPath(42)).toBe(join(logs, 'players.log.damaged.42'))
    expect(files.nameOf(files.mark)).toBe('players.mark')
    expect(files.pathOf('players.mark')).toBe(files.mark)
  })

  it('that are set aside get unused names', () => {
    const files = filesOf('players', backup, join(logs, 'players.log.damaged.42'))
    expect(files.newBackupPath(42)).toBe(join(logs, 'players.log.backup.20250115T130001Z-0000000000000042'))
    expect(files.newDamagedPath(42)).toBe(join(logs, 'players.log.damaged.42.2'))
  })

  it('of a successor have an unfinished generation of their own', () => {
    const files = filesOf('players')
    const own = files.forSuccessor('0123456789abcdef')
    expect(own.unfinished).toBe(join(logs, 'players.log.new-01234567'))
    expect(own).toMatchObject({ log: files.log, mark: files.mark, lock: files.lock, main: files.main })
  })

  it('of version 1 are distinguished from others', () => {
    const own = [
      'players.mark',
      'players.mark.damaged',
      'players.log.new',
      'players.log.damaged.3',
      'players.log.quarantine.x-1',
    ]
    const others = ['players.log', 'players.lock', 'players2.mark', 'players.log.before-flatlog', 'players.markx']
    expect(
      filesOf('players')
        .version1FilesAmong([...own, ...others])
        .toSorted(),
    ).toEqual(own.toSorted())
  })
})

describe('backups', () => {
  const files = filesOf('players')
  const backup = (seq: number, time = '20250115T130000Z', name = 'players') =>
    `${name}.log.backup.${time}-${String(seq).padStart(16, '0')}`

  it('are ordered by their last record, the newest first, whatever their time says', () => {
    const names = [backup(9), backup(100, '20240101T000000Z'), backup(10), backup(Number.MAX_SAFE_INTEGER)]
    expect(files.backups(names).map((each) => each.lastSeq)).toEqual([Number.MAX_SAFE_INTEGER, 100, 10, 9])
    expect(files.backups(names)[1]).toEqual({
      path: join('/data', 'logs', names[1]!),
      fileName: names[1],
      lastSeq: 100,
    })
  })

  it('of one record are ordered by their time, the newest first', () => {
    const names = [backup(9, '20250115T130000Z'), backup(9, '20250115T130001Z')]
    expect(files.backups(names).map((each) => each.fileName)).toEqual(names.toReversed())
  })

  it.each([
    'players.log',
    'players.log.backup',
    'players.log.backup.',
    'players.log.backup.old',
    'players.log.backup.20250115T130000Z-42',
    'players.log.backup.20250115T130000Z-00000000000000042',
    'players.log.backup.20250115T130000Z-000000000000004x',
    'players.log.backup.20250115T130000-0000000000000042',
    'players.log.backup.20250115T130000Z-0000000000000042.gz',
    'players.log.backup.20250115T130000Z-0000000000000042 (copy)',
    'players.log.backup.20250115T130000Z-0000000000000042\n',
    'xplayers.log.backup.20250115T130000Z-0000000000000042',
    'players2.log.backup.20250115T130000Z-0000000000000042',
    'PLAYERS.log.backup.20250115T130000Z-0000000000000042',
    'playersXlogXbackupX20250115T130000Z-0000000000000042',
    'players.log.quarantine.20250115T130000Z-42',
    'players.log.damaged.42',
    'my.players.log.backup.20250115T130000Z-0000000000000042',
  ])('do not include %j', (fileName) => {
    expect(files.backups([fileName])).toEqual([])
  })

  it('are recognized if the name of the store has characters with a meaning in patterns', () => {
    const names = [backup(1, undefined, 'a.b'), backup(2, undefined, 'axb')]
    expect(filesOf('a.b').backups(names)).toMatchObject([{ lastSeq: 1 }])
  })
})

describe('neighbours', () => {
  const files = filesOf('players')

  it('that differ only in case are refused, with the existing name', () => {
    for (const neighbour of ['Players.log', 'PLAYERS.LOG', 'players.LOG']) {
      expect(() => files.checkNeighbours([neighbour])).toThrow(
        expect.objectContaining({ code: 'FLATLOG_INVALID_NAME', path: join('/data', 'logs', neighbour) }),
      )
    }
  })

  it('of any other name are ignored', () => {
    files.checkNeighbours(['players.log', 'Players2.log', 'Players.txt', 'notes', 'player.log'])
  })
})
