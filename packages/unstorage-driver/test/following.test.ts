import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { majors, makeDriver, tempDir } from './helpers.js'

/** Tests a read-only driver while another process writes to the same log. */

const script = fileURLToPath(new URL('children/writer.mjs', import.meta.url))
const children: ChildProcess[] = []

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
})

type Call = (method: string, ...args: unknown[]) => Promise<void>

/** Starts a writer in another process. Returns a function that calls a method of its driver. */
async function startWriter(base: string): Promise<Call> {
  const child = fork(script, [base])
  children.push(child)
  const answer = async () => {
    const [message] = (await once(child, 'message')) as [{ done?: string; error?: string }]
    if (message.error) throw new Error(message.error)
  }
  await answer()
  return async (...call) => {
    const answered = answer()
    child.send(call)
    await answered
  }
}

describe.each(majors)('a read-only driver with unstorage $major', ({ make }) => {
  it('reads and reports the changes of a writer in another process, through compactions', async () => {
    const base = tempDir()
    const write = await startWriter(base)
    await write('setItem', 'before', 'here')
    const reader = make(makeDriver({ base, readOnly: true }))
    const seen: string[] = []
    const seenSoFar = (events: string[]) => vi.waitFor(() => expect(seen).toEqual(events), { timeout: 10_000 })
    await reader.watch((event, key) => seen.push(`${event} ${key}`))
    await write('setItem', 'a', '{"score":1}')
    await write('setItems', [
      { key: 'b:1', value: '1' },
      { key: 'b:2', value: '2' },
    ])
    await seenSoFar(['update a', 'update b:1', 'update b:2'])
    expect(await reader.getItem('a')).toEqual({ score: 1 })

    await write('compact')
    await write('removeItem', 'a')
    await write('clear', 'b')
    await seenSoFar(['update a', 'update b:1', 'update b:2', 'remove a', 'remove b:1', 'remove b:2'])
    expect(await reader.getKeys()).toEqual(['before'])
    expect(await reader.getItem('a')).toBeNull()

    seen.length = 0
    await write('setItem', 'short', 'v', { ttl: 0.3 })
    await seenSoFar(['update short', 'remove short'])
    await write('compact')
    await write('compact')
    await write('setItem', 'before', 'after')
    await vi.waitFor(async () => expect(await reader.getItem('before')).toBe('after'), { timeout: 10_000 })
  })
})
