import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { tempDir } from './helpers.js'

const script = fileURLToPath(new URL('children/worker.mjs', import.meta.url))
const LOCK_WAIT_MS = 1500

describe('the second of several workers', () => {
  it('gets an error on each use that names the owner, reads with readOnly, and writes after the owner was killed', async () => {
    const base = tempDir()
    const { stdout } = await promisify(execFile)(process.execPath, [script, base, String(LOCK_WAIT_MS)], {
      timeout: 25_000,
    })
    const { ownerPid, owner, refused, read, later } = JSON.parse(stdout)
    expect(owner).toBe('written')
    expect(refused.outcomes).toHaveLength(11)
    for (const { code, message } of refused.outcomes) {
      expect(code).toBe('FLATLOG_LOCKED')
      expect(message).toMatch(/^\[unstorage\] \[flatlog\] /)
      expect(message).toContain(`${ownerPid}`)
      for (const wayOut of ['readOnly: true', 'lockWaitMs', 'takeOver: true']) expect(message).toContain(wayOut)
    }
    // Only the first use waits for the owner to release the log. Ten waits would take ten times as long.
    expect(refused.firstMs).toBeGreaterThanOrEqual(LOCK_WAIT_MS - 50)
    expect(refused.othersMs).toBeLessThan(5 * LOCK_WAIT_MS)
    expect(read).toBe('v')
    expect(later).toBe('written')
  })
})
