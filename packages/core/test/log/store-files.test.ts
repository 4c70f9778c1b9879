import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  backupPath,
  backupsAmong,
  checkName,
  checkNeighbours,
  damagedPath,
  fileTime,
  quarantinePath,
  storePaths,
} from '../support/core.js'

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
  ])('%s is one', (name) => {
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
  ])('%j is none', (name) => {
    expect(() => checkName(name)).toThrow(
      expect.objectContaining({ code: 'FLATLOG_INVALID_NAME', message: expect.stringContaining('What to do') }),
    )
  })
})

describe('files of a store', () => {
  const paths = storePaths(join('/', 'data'), 'players')
  const time = Date.parse('2025-01-15T13:00:00.999Z')

  it('stand where the format says', () => {
    const logs = join('/', 'data', 'logs')
    expect(paths).toMatchObject({
      log: join(logs, 'players.log'),
      mark: join(logs, 'players.mark'),
      lock: join(logs, 'players.lock'),
      main: join('/', 'data', 'players.json'),
    })
    expect(backupPath(paths, time, 42)).toBe(join(logs, 'players.log.backup.20250115T130000Z-0000000000000042'))
    expect(quarantinePath(paths, time, 512)).toBe(join(logs, 'players.log.quarantine.20250115T130000Z-512'))
    expect(damagedPath(paths, 42)).toBe(join(logs, 'players.log.damaged.42'))
  })

  it('have times that sort as they follow each other', () => {
    expect(fileTime(time)).toBe('20250115T130000Z')
    expect(fileTime(0) < fileTime(time)).toBe(true)
  })
})

describe('backups', () => {
  const paths = storePaths('/data', 'players')
  const backup = (seq: number, time = '20250115T130000Z', name = 'players') =>
    `${name}.log.backup.${time}-${String(seq).padStart(16, '0')}`

  it('are ordered by their last record, the newest first, whatever their time says', () => {
    const names = [backup(9), backup(100, '20240101T000000Z'), backup(10), backup(Number.MAX_SAFE_INTEGER)]
    expect(backupsAmong(paths, names).map((each) => each.lastSeq)).toEqual([Number.MAX_SAFE_INTEGER, 100, 10, 9])
    expect(backupsAmong(paths, names)[1]).toEqual({
      path: join('/data', 'logs', names[1]!),
      fileName: names[1],
      lastSeq: 100,
    })
  })

  it('of one record: the later made first', () => {
    const names = [backup(9, '20250115T130000Z'), backup(9, '20250115T130001Z')]
    expect(backupsAmong(paths, names).map((each) => each.fileName)).toEqual(names.toReversed())
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
  ])('%j is none', (fileName) => {
    expect(backupsAmong(paths, [fileName])).toEqual([])
  })

  it('of a store whose name has signs that mean something in patterns', () => {
    expect(
      backupsAmong(storePaths('/data', 'a.b'), [backup(1, undefined, 'a.b'), backup(2, undefined, 'axb')]),
    ).toMatchObject([{ lastSeq: 1 }])
  })
})

describe('neighbours', () => {
  const paths = storePaths('/data', 'players')

  it('that differ by case only are refused, with the name that is there', () => {
    for (const neighbour of ['Players.log', 'PLAYERS.LOG', 'players.LOG']) {
      expect(() => checkNeighbours(paths, [neighbour])).toThrow(
        expect.objectContaining({ code: 'FLATLOG_INVALID_NAME', path: join('/data', 'logs', neighbour) }),
      )
    }
  })

  it('of any other name are none of our business', () => {
    checkNeighbours(paths, ['players.log', 'Players2.log', 'Players.txt', 'notes', 'player.log'])
  })
})
