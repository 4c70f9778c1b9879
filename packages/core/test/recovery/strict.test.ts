import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  bytesOf,
  linesOf,
  logOf,
  look,
  offsetOf,
  open,
  quarantinesOf,
  refuses,
  replaceLine,
  spoilLine,
  THREE,
  threeRecords,
  writeLines,
} from './installation.js'

/** `recovery: 'strict'` refuses any log that was changed, except for a torn tail. */

const makeDir = useTempDirectory()
const three = () => threeRecords(makeDir())

describe("recovery: 'strict'", () => {
  const damages: [what: string, damage: (dir: string) => void][] = [
    ['a bad line', (dir) => spoilLine(dir, 3)],
    ['a missing line', (dir) => replaceLine(dir, 3)],
    ['a doubled line', (dir) => append(dir, `${linesOf(dir)[1]}\n`)],
    ['garbage between the lines', (dir) => replaceLine(dir, 3, 'garbage', linesOf(dir)[2]!)],
    ['a log that ends below its mark', (dir) => replaceLine(dir, 4)],
    [
      'swapped lines',
      (dir) =>
        writeLines(
          dir,
          [0, 1, 3, 2].map((place) => linesOf(dir)[place]!),
        ),
    ],
    ['a last line without its newline', (dir) => writeFileSync(logOf(dir), bytesOf(dir, 'store.log').subarray(0, -1))],
    ['a bad header', (dir) => spoilLine(dir, 1)],
  ]

  it.each(damages)('refuses %s and changes no file', async (_what, damage) => {
    const dir = await three()
    damage(dir)
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it('reports the place', async () => {
    const dir = await three()
    spoilLine(dir, 3)
    await expect(open(dir, { recovery: 'strict' })).rejects.toMatchObject({
      path: logOf(dir),
      offset: offsetOf(dir, 3),
      message: expect.stringContaining('line 3'),
    })
  })

  it('opens a whole log, and one with only a torn tail', async () => {
    const dir = await three()
    expect(await look(dir, { recovery: 'strict' })).toMatchObject({ state: THREE, recovery: { clean: true } })
    append(dir, '{"torn')
    expect(await look(dir, { recovery: 'strict' })).toMatchObject({
      state: THREE,
      recovery: { cutBytes: 6, damage: [] },
    })
    expect(quarantinesOf(dir)).toHaveLength(1)
  })
})
