import { once } from 'node:events'
import { linkSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { openStore } from '../core.js'

/**
 * Waits for a line. Then it tries to become the owner again and again, without waiting for a lock, and each time
 * increments a count and prints it. The witness is a file that each owner makes and removes, independent of the lock.
 */
const [dir = '', witness = '', times = ''] = process.argv.slice(2)
await once(process.stdin, 'data')
process.stdin.on('end', () => process.exit())

// Written first and then linked into place, so that the witness is never seen without its bytes.
const own = `${witness}.${process.pid}`
writeFileSync(own, String(process.pid))

/** Makes the witness. Returns the pid of another owner at the same time, or an empty text. */
function occupy(): string {
  let other = ''
  try {
    linkSync(own, witness)
  } catch {
    other = readFileSync(witness, 'utf8')
    rmSync(witness)
    linkSync(own, witness)
  }
  return other
}

for (let owned = 0, refused = 0; owned < Number(times); ) {
  try {
    const store = await openStore({ dir, lockWaitMs: 0, durability: 'os', mainFile: false })
    const other = occupy()
    const count = ((store.get('count') as number | undefined) ?? 0) + 1
    await store.set('count', count)
    writeSync(1, `${JSON.stringify({ count, refused, other })}\n`)
    rmSync(witness)
    await store.close()
    owned++
    refused = 0
  } catch (error) {
    if ((error as { code?: string }).code !== 'FLATLOG_LOCKED') throw error
    refused++
  }
}
process.exit()
