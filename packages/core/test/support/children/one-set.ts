import { writeSync } from 'node:fs'
import { openStore } from '../core.js'

/** A command-line program as people write them: it sets one key, does not close the store, and has nothing more to do. */
const [dir = '', durability = 'always', waits = 'wait'] = process.argv.slice(2)
const store = await openStore({ dir, durability: durability as 'always' })
const done = store.set('key', { from: 'a program that just ends' })
if (waits === 'wait') await done
const endMs = performance.now()
process.on('exit', () => writeSync(1, `EXIT ${Math.round(performance.now() - endMs)}\n`))
