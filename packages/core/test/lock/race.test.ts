import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Puppet, useChildren, usePuppets } from '../support/children.js'
import { readLock } from '../support/locks.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const childPath = useChildren('puppet')
const startPuppet = usePuppets(() => childPath('puppet'))

test('of twenty that open at once exactly one gets the store, and when it is killed exactly one of the rest', async () => {
  const dir = directory()
  let rivals = Array.from({ length: 20 }, startPuppet)
  // All are up and waiting before the first of them begins.
  await Promise.all(rivals.map((puppet) => puppet.call('health').catch(() => {})))
  for (let round = 0; round < 4; round++) {
    const owners: Puppet[] = []
    const codes = new Set<string>()
    await Promise.all(
      rivals.map((puppet) =>
        puppet.call('open', { dir, lockWaitMs: 0 }).then(
          () => owners.push(puppet),
          (error: { code: string }) => codes.add(error.code),
        ),
      ),
    )
    expect(owners.length, `round ${round}`).toBe(1)
    expect([...codes]).toEqual(['FLATLOG_LOCKED'])
    const owner = owners[0] as Puppet
    expect(readLock(dir).pid).toBe(owner.pid)
    await owner.call('set', `round ${round}`, round)
    expect(Object.keys(await owner.call<object>('state'))).toHaveLength(round + 1)
    rivals = rivals.filter((puppet) => puppet !== owner)
    if (round < 3) await owner.killAndWait()
    else await owner.call('close')
  }
  expect(readdirSync(join(dir, 'logs')).sort()).toEqual(['store.log', 'store.mark'])
})
