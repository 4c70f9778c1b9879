import { execFileSync, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Puppet, useChildren } from '../support/children.js'
import { logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { LONG, noSpace } from './places.js'

/**
 * A limit on the size of files (`ulimit -f`), in another process.
 * It causes first a short write, then EFBIG.
 */
const directory = useTempDirectory()
const childPath = useChildren('puppet')
const startPuppet = () => new Puppet(childPath('puppet'))

const canLimit = spawnSync('prlimit', ['--version']).status === 0

function limitFiles(puppet: Puppet, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(puppet.pid), `--fsize=${bytes}:unlimited`])
}

describe.skipIf(!canLimit)('a process whose files cannot grow', () => {
  test('refuses the write, keeps its state, and writes again when the limit is removed', async () => {
    const dir = directory()
    const puppet = startPuppet()
    await puppet.call('open', { dir })
    await puppet.call('set', 'a', 1)
    for (const spaceBytes of [5000, 0]) {
      limitFiles(puppet, statSync(logPath(dir)).size + spaceBytes)
      const length = statSync(logPath(dir)).size
      for (let attempt = 0; attempt < 3; attempt++) {
        await expect(puppet.call('set', 'long', LONG)).rejects.toMatchObject({ code: noSpace.code })
        expect(statSync(logPath(dir)).size).toBe(length)
      }
      expect(await puppet.call('state')).toEqual({ a: 1 })
      expect(await puppet.call('health')).toEqual({ ok: true })
    }
    limitFiles(puppet, 'unlimited')
    await puppet.call('set', 'long', LONG)
    limitFiles(puppet, statSync(logPath(dir)).size)
    await puppet.call('close')

    await puppet.call('open', { dir, lockWaitMs: 0 })
    await expect(puppet.call('set', 'b', LONG)).rejects.toMatchObject({ code: noSpace.code })
    await puppet.killAndWait()
    await using again = await openOn(machine(), { dir: join(dir), lockWaitMs: 0 })
    expect(stateOf(again)).toEqual({ a: 1, long: LONG })
    expect(again.recovery).toMatchObject({ clean: true, cutBytes: 0 })
  })
})
