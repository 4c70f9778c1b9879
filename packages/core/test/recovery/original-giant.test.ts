import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run, useChildren } from '../support/children.js'
import { type GiantPlan, writeGiant } from '../support/giant-plan.js'
import { isLong, rounds } from '../support/long.js'
import { useTempDirectory } from '../support/temp-directory.js'

/** An installation of the original system that is several times as large as the memory there is. */

const MIB = 1024 * 1024
/** The directories are gone after each test: there is one of a gigabyte or three at a time. */
const directory = useTempDirectory()
const childPath = useChildren('take-over')

/** A gigabyte, and a line that is longer than any string; or as much less as there is less memory. */
const BYTES = rounds(16, 1100) * MIB
const HEAP_MIB = rounds(32, 256)
const MOST_RSS_MIB = rounds(200, 500)

async function takeOver(plan: GiantPlan, how: 'opened' | 'written') {
  const dir = directory()
  expect(writeGiant(dir, plan)).toBeGreaterThan(plan.bytes / 2)
  const lines: string[] = []
  const args = [dir, how, JSON.stringify(plan)]
  const { ended } = run(childPath('take-over'), args, (line) => lines.push(line), [`--max-old-space-size=${HEAP_MIB}`])
  expect(await ended).toEqual({ code: 0, signal: null })
  const found = JSON.parse(lines[0] as string) as {
    missing: number
    wrong: string[]
    maxRssMiB: number
    seconds: number
  }
  expect(found).toMatchObject({ missing: 0, wrong: [] })
  expect(found.maxRssMiB).toBeLessThan(MOST_RSS_MIB)
  expect(readdirSync(join(dir, 'logs')).filter((name) => name.includes('first'))).toEqual([])
  if (isLong) console.info(`${plan.kind}, ${plan.bytes / MIB} MiB, ${how}: ${found.seconds} s, ${found.maxRssMiB} MiB`)
  return dir
}

const KINDS: GiantPlan['kind'][] = ['one line and changes behind it']
if (isLong) KINDS.push('changes over a main file', 'a main file alone')

describe('an installation that is larger than memory', () => {
  test.each(KINDS)(
    'is written as a log of version 1: %s',
    async (kind) => {
      await takeOver({ kind, bytes: BYTES }, 'written')
    },
    rounds(30_000, 900_000),
  )

  test(
    'is opened, where few keys were written again and again',
    async () => {
      const dir = await takeOver({ kind: 'few keys', bytes: rounds(BYTES / 2, BYTES) }, 'opened')
      expect(existsSync(join(dir, 'logs', 'store.log.before-flatlog'))).toBe(true)
    },
    rounds(30_000, 900_000),
  )
})
