import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { canContain, Puppet, useChildren } from '../support/children.js'
import { namesAndSockets } from '../support/files.js'
import { readLock } from '../support/locks.js'
import { rounds } from '../support/long.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const childPath = useChildren('puppet')

/** A process outside, or the first process of a container that shares the directory. */
const outside = () => new Puppet(childPath('puppet'))
const container = (environment = {}) => new Puppet(childPath('puppet'), true, environment)

const locked = { code: 'FLATLOG_LOCKED' }

describe.skipIf(!canContain())('process namespaces as containers have them', () => {
  test('a container that is killed and started again gets its store at once, though its numbers are the same', async () => {
    const dir = directory()
    const times = rounds(6, 60)
    for (let round = 0; round < times; round++) {
      const owner = container()
      await owner.call('open', { dir, lockWaitMs: 0 })
      // The number that the last owner had is that of a living process: of this one.
      expect(readLock(dir).pid).toBe(1)
      await owner.call('set', `round ${round}`, round)
      expect(Object.keys(await owner.call<object>('state'))).toHaveLength(round + 1)
      await owner.killAndWait()
    }
    const owner = outside()
    await owner.call('open', { dir, lockWaitMs: 0 })
    expect(Object.keys(await owner.call<object>('state'))).toHaveLength(times)
    await owner.call('close')
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  })

  test('a living owner is not robbed, by other containers as little as from outside, running or stopped', async () => {
    const dir = directory()
    const [owner, ...rivals] = [container(), container(), outside()] as const
    await owner.call('open', { dir })
    for (const rival of rivals) {
      const refused = rival.call('open', { dir, lockWaitMs: 0 })
      await expect(refused).rejects.toMatchObject(locked)
      await expect(refused).rejects.toThrow(/process 1 on /)
    }
    owner.kill('SIGSTOP')
    for (const rival of rivals) await expect(rival.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
    owner.kill('SIGCONT')
    await owner.call('set', 'a', 1)
    await owner.call('close')
    for (const rival of rivals) {
      await rival.call('open', { dir, lockWaitMs: 0 })
      expect(await rival.call('state')).toEqual({ a: 1 })
      await rival.call('close')
    }
  })

  test('an owner outside is not robbed by a container while it lives, and succeeded by one at once when it is killed', async () => {
    const dir = directory()
    const [owner, rival] = [outside(), container()]
    await owner.call('open', { dir })
    await owner.call('set', 'a', 1)
    await expect(rival.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
    await owner.killAndWait()
    await rival.call('open', { dir, lockWaitMs: 0 })
    expect(await rival.call('state')).toEqual({ a: 1 })
  })

  test('where the path is too long for a socket beside the log nobody can tell, so that only takeOver helps', async () => {
    const dir = join(directory(), 'a-rather-long-name'.repeat(6))
    // What stands in for it, out of sight of other containers.
    const environment = { TMPDIR: directory() }
    const [owner, rival] = [container(environment), container(environment)]
    await owner.call('open', { dir })
    await owner.call('set', 'a', 1)
    await expect(rival.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
    await owner.killAndWait()
    await expect(rival.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
    await rival.call('open', { dir, takeOver: true })
    expect(await rival.call('state')).toEqual({ a: 1 })
  })
})
