import { expect, test } from 'vitest'
import { systemClock } from '../support/core.js'
import { recordsOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

const plusOne = (old: number | undefined) => (old ?? 0) + 1

test('a thousand concurrent increments add up to a thousand', async () => {
  const dir = directory()
  const store = await openOn(machine(), { dir })
  const results = await Promise.all(Array.from({ length: 1000 }, () => store.update<number>('count', plusOne)))
  expect(store.get('count')).toBe(1000)
  expect(results.sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, number) => number + 1))
  await store.close()
  await using again = await openOn(machine(), { dir })
  expect(again.get('count')).toBe(1000)
})

test('a thousand asynchronous increments from two handles add up to a thousand', async () => {
  const dir = directory()
  await using one = await openOn(machine(), { dir })
  await using two = await openOn(machine(), { dir })
  const later = async (old: number | undefined) => {
    await turns(1)
    return plusOne(old)
  }
  await Promise.all(
    Array.from({ length: 1000 }, (_, number) => (number % 2 ? one : two).update<number>('count', later)),
  )
  expect(one.get('count')).toBe(1000)
})

test('returns the value that it wrote, and passes undefined for a missing key', async () => {
  await using store = await openOn(machine(), { dir: directory() })
  expect(await store.update('a', (old) => [old === undefined])).toEqual([true])
  expect(await store.update<boolean[]>('a', async (old) => [...(old ?? []), false])).toEqual([true, false])
})

test('a function that throws or rejects writes nothing, and later updates succeed', async () => {
  const dir = directory()
  await using store = await openOn(machine(), { dir })
  await store.set('a', 1)
  const boom = new Error('boom')
  const outcomes = await Promise.allSettled([
    store.update<number>('a', plusOne),
    store.update('a', () => {
      throw boom
    }),
    store.update('a', () => Promise.reject(boom)),
    store.update('a', () => undefined),
    store.update<number>('a', plusOne),
  ])
  expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : outcome.value))).toEqual([
    2,
    boom,
    boom,
    expect.objectContaining({ code: 'FLATLOG_INVALID_VALUE' }),
    3,
  ])
  expect(recordsOf(dir).map((record) => record.value)).toEqual([1, 2, 3])
})

test('a set while the function runs is not lost', async () => {
  await using store = await openOn(machine(), { dir: directory() })
  await store.set('a', ['first'])
  const seen: unknown[] = []
  let finish = () => {}
  const gate = new Promise<void>((resolve) => {
    finish = resolve
  })
  const updated = store.update<string[]>('a', async (old) => {
    seen.push(old)
    await gate
    return [...(old ?? []), 'updated']
  })
  await store.set('a', ['first', 'between'])
  finish()
  expect(await updated).toEqual(['first', 'between', 'updated'])
  expect(seen).toEqual([['first'], ['first', 'between']])
  expect(store.get('a')).toEqual(['first', 'between', 'updated'])
})

test('a delete while the function runs is not undone', async () => {
  await using store = await openOn(machine(), { dir: directory() })
  await store.set('a', 41)
  let finish = () => {}
  const gate = new Promise<void>((resolve) => {
    finish = resolve
  })
  const updated = store.update<number>('a', async (old) => {
    await gate
    return plusOne(old)
  })
  await store.delete('a')
  finish()
  expect(await updated).toBe(1)
})

test('keeps the expiry of the key unless another is given', async () => {
  const clock = new ManualClock()
  await using store = await openOn(machine({ clock }), { dir: directory() })
  const expires = clock.now() + 1000
  await store.set('kept', 1, { expires })
  await store.set('moved', 1, { expires })
  await store.update<number>('kept', plusOne)
  await store.update<number>('moved', plusOne, { ttlMs: 5000 })
  expect(store.getMeta('kept')?.expires).toBe(expires)
  expect(store.getMeta('moved')?.expires).toBe(expires + 4000)
  clock.advance(1000)
  expect([store.get('kept'), store.get('moved')]).toEqual([undefined, 2])
  expect(await store.update<number>('kept', plusOne)).toBe(1)
  expect(store.getMeta('kept')).not.toHaveProperty('expires')
})

test('updates of different keys do not wait for each other', async () => {
  await using store = await openOn(machine(), { dir: directory() })
  let finish = () => {}
  const slow = store.update('slow', async () => {
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    return 'slow'
  })
  expect(await store.update('quick', () => 'quick')).toBe('quick')
  finish()
  expect(await slow).toBe('slow')
})

test('an update at the moment of expiry keeps the new value', async () => {
  let nowMs = Date.parse('2025-01-15T12:00:00.000Z')
  // The clock advances by 1 ms whenever it is read, so that some updates read it just before the expiry and just after.
  const clock = { ...systemClock, now: () => nowMs++ }
  await using store = await openOn(machine({ clock }), { dir: directory() })
  for (let ttlMs = 1; ttlMs < 20; ttlMs++) {
    await store.set('count', 0, { ttlMs })
    let isNew = false
    while (!isNew) {
      await store.update<number>('count', (old) => {
        isNew = old === undefined
        return plusOne(old)
      })
    }
    expect(store.getMeta('count')?.expires, `${ttlMs} ms`).toBeUndefined()
    expect(store.get('count'), `${ttlMs} ms`).toBe(1)
  }
})
