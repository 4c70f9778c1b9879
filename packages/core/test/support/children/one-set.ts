import { writeSync } from 'node:fs'
import { openStore } from '../core.js'

/** A typical command-line program: it sets one key, does not close the store, and ends. */
const [dir = '', durability = 'always', waits = 'wait'] = process.argv.slice(2)

/**
 * The resources that keep the process alive.
 * Without its pipes and system calls that end by themselves.
 */
const active = () =>
  process.getActiveResourcesInfo().filter((each) => !/^(Pipe(Connect)?Wrap|FSReq|Immediate)/.test(each))

const store = await openStore({ dir, durability: durability as 'always' })
const done = store.set('key', { from: 'a program that just ends' })
if (waits === 'wait') {
  await done
  writeSync(1, `ACTIVE ${JSON.stringify(active())}\n`)
}
