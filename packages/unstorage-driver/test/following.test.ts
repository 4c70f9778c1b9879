import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { majors, makeDriver, tempDir } from './helpers.js'

/** A read-only driver in one process beside the writer in another. */

const script = fileURLToPath(new URL('children/writer.mjs', import.meta.url))
const children: ChildProcess[] = []

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
})

type Tell = (method: string, ...args: unknown[]) => Promise<void>

/** Another process that does what it is told, each step acknowledged before the next. */
async function startWriter(base: string): Promise<Tell> {
  const child = fork(script, [base])
  children.push(child)
  const answer = async () => {
    const [message] = (await once(child, 'message')) as [{ done?: string; error?: string }]
    if (message.error) throw new Error(message.error)
  }
  await answer()
  return async (...step) => {
    const answered = answer()
    child.send(step)
    await answered
  }
}

describe.each(majors)('a read-only driver beside the writer, with unstorage $major', ({ make }) => {
  it('reports what the writer does, through compactions, and reads it', async () => {
    const base = tempDir()
    const tell = await startWriter(base)
    await tell('setItem', 'before', 'here')
    const reader = make(makeDriver({ base, readOnly: true }))
    const seen: string[] = []
    const seenSoFar = (events: string[]) => vi.waitFor(() => expect(seen).toEqual(events), { timeout: 10_000 })
    await reader.watch((event, key) => seen.push(`${event} ${key}`))
    await tell('setItem', 'a', '{"score":1}')
    await tell('setItems', [
      { key: 'b:1', value: '1' },
      { key: 'b:2', value: '2' },
    ])
    await seenSoFar(['update a', 'update b:1', 'update b:2'])
    expect(await reader.getItem('a')).toEqual({ score: 1 })

    await tell('compact')
    await tell('removeItem', 'a')
    await tell('clear', 'b')
    await seenSoFar(['update a', 'update b:1', 'update b:2', 'remove a', 'remove b:1', 'remove b:2'])
    expect(await reader.getKeys()).toEqual(['before'])
    expect(await reader.getItem('a')).toBeNull()

    seen.length = 0
    await tell('setItem', 'short', 'v', { ttl: 0.3 })
    await seenSoFar(['update short', 'remove short'])
    await tell('compact')
    await tell('compact')
    await tell('setItem', 'before', 'after')
    await vi.waitFor(async () => expect(await reader.getItem('before')).toBe('after'), { timeout: 10_000 })
  })
})
