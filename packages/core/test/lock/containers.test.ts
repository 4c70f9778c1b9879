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

describe.skipIf(!canContain())('containers (process namespaces)', () => {
  test('a container that is killed and started again gets its store at once, although its pids are the same', async () => {
    const dir = directory()
    const times = rounds(6, 60)
    for (let round = 0; round < times; round++) {
      const owner = container()
      await owner.call('open', { dir, lockWaitMs: 0 })
      // The pid of the previous owner is that of a living process: this one.
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

  test('a living owner keeps its lock, running or stopped, against other containers and processes outside', async () => {
    const dir = directory()
    const [owner, ...rivals] = [container(), container(), outside()] as const
    await owner.call('open', { dir })
    for (const rival of rivals) {
      const refused = rival.call('open', { dir, lockWaitMs: 0 })
      await expect(refused).rejects.toMatchObject(locked)
      await expect(refused).rejects.toThrow(/Process 1 on /)
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

  test('an owner outside keeps its lock against a container, which succeeds it at once when it is killed', async () => {
    const dir = directory()
    const [owner, rival] = [outside(), container()]
    await owner.call('open', { dir })
    await owner.call('set', 'a', 1)
    await expect(rival.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
    await owner.killAndWait()
    await rival.call('open', { dir, lockWaitMs: 0 })
    expect(await rival.call('state')).toEqual({ a: 1 })
  })

  test('an owner whose path is too long for a socket next to the log counts as alive, also when it is killed', async () => {
    const dir = join(directory(), 'a-rather-long-name'.repeat(6))
    // The directory of the other socket, which other containers do not see.
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
