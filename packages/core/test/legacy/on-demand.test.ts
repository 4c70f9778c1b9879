import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import {
  append,
  backupsOf,
  closed,
  copyOf,
  logOf,
  look,
  markOf,
  open,
  removeFiles,
  replaceLine,
  spoilLine,
  twoBackups,
} from '../recovery/installation.js'
import { openLogs } from '../support/core.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { set, writeLegacy } from './files.js'

/** The code that reads format 0 is loaded only when such a store is opened. */

const loads = vi.hoisted(() => ({ count: 0 }))

vi.mock(import('../../src/legacy/read-legacy.js'), async (original) => {
  loads.count++
  return await original()
})

const makeDir = useTempDirectory()
const source = join(dirname(fileURLToPath(import.meta.url)), '../../src')

test('only legacy/ imports the code statically', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const eager = files.filter((file) => {
    if (file.startsWith('legacy')) return false
    return /^import (?!type )[^'\n]*'[^'\n]*\/legacy\//m.test(readFileSync(join(source, file), 'utf8'))
  })
  expect(eager).toEqual([])
})

test('a store of version 1 does not load the code, whatever state its files are in', async () => {
  const image = await twoBackups(makeDir())
  const damages: [what: string, damage: (dir: string) => void][] = [
    ['none', () => {}],
    ['a torn tail', (dir) => append(dir, '{"torn')],
    ['a bad first line', (dir) => spoilLine(dir, 1)],
    ['a missing first line', (dir) => replaceLine(dir, 1)],
    ['garbage as the first line', (dir) => replaceLine(dir, 1, 'garbage')],
    ['no mark', (dir) => rmSync(markOf(dir))],
    ['an empty log', (dir) => writeFileSync(logOf(dir), '')],
    ['no log', (dir) => rmSync(logOf(dir))],
    ['no backups', (dir) => removeFiles(dir, ...backupsOf(dir))],
  ]
  for (const [what, damage] of damages) {
    for (const readOnly of [true, false]) {
      const dir = copyOf(image)
      damage(dir)
      await look(dir, { readOnly })
      expect([what, loads.count]).toEqual([what, 0])
    }
  }
  const logs = openLogs({ dir: image })
  await logs.readLogEntries('store')
  expect(loads.count).toBe(0)

  const dir = makeDir()
  await closed(dir, (store) => store.set('a', 1))
  await expect(open(makeDir(), { readOnly: true })).rejects.toMatchObject({ code: 'FLATLOG_IO' })
  expect(loads.count).toBe(0)

  await look(writeLegacy(makeDir(), { log: set('a', 1) }))
  expect(loads.count).toBe(1)
})
