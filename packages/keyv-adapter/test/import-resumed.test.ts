import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { killScriptAfter, runJsonScript } from './children.js'
import { all, majors, makeStore, tempDir } from './helpers.js'

const ENTRIES = 20_000

describe('an import that was killed with SIGKILL', () => {
  it('continues when it is run again', async () => {
    const dir = tempDir()
    const filename = join(dir, 'keyv.json')
    const expires = Date.now() + 3_600_000
    // The format of keyv-file.
    const cache = Array.from({ length: ENTRIES }, (_, n) => [
      `keyv:k${n}`,
      { value: JSON.stringify({ value: { n }, expires }), expire: expires },
    ])
    writeFileSync(filename, JSON.stringify({ cache, lastExpire: Date.now() }))

    const steps = await killScriptAfter(10, 'import.mjs', [filename, join(dir, 'data')])
    expect(steps.at(-1)).toMatch(/^copy \d+$/)
    const result = (await runJsonScript('import.mjs', [filename, join(dir, 'data'), 'quiet'])) as Record<string, number>
    expect(result).toMatchObject({ found: ENTRIES, expired: 0 })
    // The import may have written more than it last reported.
    expect(result.kept).toBeGreaterThanOrEqual(Number(steps.at(-1)?.split(' ')[1]))
    expect((result.copied as number) + (result.kept as number)).toBe(ENTRIES)
    expect(result.copied).toBeGreaterThan(0)

    for (const { make } of majors) {
      const keyv = make(makeStore(join(dir, 'data')), { namespace: 'keyv' })
      expect(await all(keyv)).toHaveLength(ENTRIES)
      expect(await keyv.getRaw('k19999')).toEqual({ value: { n: 19_999 }, expires })
    }
  })
})
