import { describe, expect, test, vi } from 'vitest'
import { systemError } from '../support/faulty-file-system.js'
import { stateOf } from '../support/files.js'
import { useRejectionWatch } from '../support/rejections.js'
import { Mirror, useProcesses } from './shared-disk.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('../simulation/small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

const sharedDisk = useProcesses()
useRejectionWatch()

/**
 * Makes one call of a look fail, and checks that the next looks recover.
 * Returns the number of calls.
 */
async function lookWithFailure(failing: number, compacts: boolean): Promise<number> {
  const disk = sharedDisk()
  const { store: writer } = await disk.writer()
  for (let number = 0; number < 30; number++) await writer.set(`key ${number}`, 'x'.repeat(100))
  await writer.compact()
  await writer.set('a', 1)
  const { store: reader, process } = await disk.reader()
  const mirror = new Mirror(reader)
  await writer.set('a', 2)
  if (compacts) await writer.compact()
  await writer.set('a', 3)
  await writer.batch([
    { op: 'SET', key: 'b', value: 1 },
    { op: 'DELETE', key: 'key 1' },
  ])
  await writer.set('c', 1)
  const whole = disk.log
  disk.edit((bytes) => bytes.subarray(0, -30))
  let calls = 0
  let failed = 'nothing'
  process.onCall = ({ kind, path }) => {
    if (++calls !== failing) return undefined
    failed = `call ${failing}, ${kind} ${path}`
    return { error: systemError('EIO') }
  }
  await reader.flush().catch(() => {})
  process.onCall = () => undefined
  await reader.flush()
  disk.edit(() => whole)
  await reader.flush()
  expect(stateOf(reader), failed).toEqual(stateOf(writer))
  expect(mirror.state, failed).toEqual(new Map(writer.entries()))
  expect(process.fileSystem.openFiles.size, failed).toBe(1)
  await reader.close()
  expect(process.fileSystem.openFiles.size, failed).toBe(0)
  return calls
}

describe('any call that fails once in a look', () => {
  test.each([
    ['that reads new records', false],
    ['that reads another file', true],
  ])('%s leaves no wrong key, no unreported change and no open file', async (_, compacts) => {
    let failing = 1
    while ((await lookWithFailure(failing, compacts)) >= failing) failing++
    expect(failing).toBeGreaterThan(10)
  })
})
