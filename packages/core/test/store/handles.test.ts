import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodeFileSystem, type Store } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

const closed = { name: 'FlatlogError', code: 'FLATLOG_CLOSED' }

describe('close', () => {
  test('waits for pending writes, and is idempotent', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir, durability: 'os' })
    for (let number = 0; number < 100; number++) store.set(`k${number}`, number)
    const [one, two] = [store.close(), store.close()]
    await Promise.all([one, two])
    await store.close()
    await store[Symbol.asyncDispose]()
    await using again = await openOn(machine(), { dir })
    expect(again.size).toBe(100)
    expect(again.recovery.clean).toBe(true)
  })

  test('leaves only the log, its mark and the main file', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    expect(existsSync(join(dir, 'logs', 'store.lock'))).toBe(true)
    await store.close()
    expect(fileNames(dir)).toEqual(['store.log', 'store.mark'])
    expect(fileSystem.openFiles.size).toBe(0)
  })

  test('makes everything durable before it resolves', async () => {
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir: directory(), durability: 'os' })
    await store.set('a', 1)
    const held = fileSystem.hold('sync', { on: /store\.log/ })
    const closing = store.close()
    const watched = watchPromise(closing)
    await held.reached
    await turns()
    expect(watched.state).toBe('pending')
    held.release()
    await closing
  })

  test('makes every method throw FLATLOG_CLOSED with advice', async () => {
    const store = await openOn(machine(), { dir: directory() })
    await store.set('a', 1)
    await store.close()
    const bytes = Buffer.from('x')
    const calls: [string, (store: Store) => unknown][] = [
      ['get', (it) => it.get('a')],
      ['has', (it) => it.has('a')],
      ['getMany', (it) => it.getMany(['a'])],
      ['getText', (it) => it.getText('a')],
      ['getBytes', (it) => it.getBytes('a')],
      ['getEncoding', (it) => it.getEncoding('a')],
      ['getMeta', (it) => it.getMeta('a')],
      ['size', (it) => it.size],
      ['keys', (it) => [...it.keys()]],
      ['entries', (it) => [...it.entries()]],
      ['set', (it) => it.set('a', 2)],
      ['setText', (it) => it.setText('a', 'x')],
      ['setBytes', (it) => it.setBytes('a', bytes)],
      ['delete', (it) => it.delete('a')],
      ['update', (it) => it.update('a', () => 1)],
      ['batch', (it) => it.batch([{ op: 'DELETE', key: 'a' }])],
      ['clear', (it) => it.clear()],
      ['replace', (it) => it.replace({})],
      ['watch', (it) => it.watch(() => {})],
      ['changes', (it) => it.changes().next()],
      ['on', (it) => it.on('problem', () => {})],
      ['flush', (it) => it.flush()],
      ['compact', (it) => it.compact()],
      ['verify', (it) => it.verify()],
      ['stats', (it) => it.stats()],
      ['health', (it) => it.health()],
      ['reopen', (it) => it.reopen()],
      ['recovery', (it) => it.recovery],
    ]
    for (const [name, call] of calls) {
      await expect((async () => call(store))(), name).rejects.toMatchObject(closed)
      await expect((async () => call(store))(), name).rejects.toThrow(/What to do: open it again/)
    }
    expect(store.name).toBe('store')
    await store.close()
  })

  test('makes an iteration under way throw FLATLOG_CLOSED', async () => {
    const store = await openOn(machine(), { dir: directory() })
    await store.batch(Array.from({ length: 1000 }, (_, number) => ({ op: 'SET', key: `${number}`, value: 1 })))
    const keys = store.keys()
    keys.next()
    await store.close()
    expect(() => [...keys]).toThrow(expect.objectContaining(closed))
  })

  test('succeeds if the main file cannot be written', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))
    fileSystem.fail('open', systemError('EACCES'), { on: /store\.json/ })
    await store.close()
    expect(problems).toEqual(['FLATLOG_IO'])
    expect(fileNames(dir)).toEqual(['store.log', 'store.mark'])
    await using again = await openOn(machine({ fileSystem }), { dir })
    expect(stateOf(again)).toEqual({ a: 1 })
  })
})

describe('several handles on one store in one process', () => {
  test('a store opened three times and closed twice is still usable', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const system = machine({ fileSystem })
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => openOn(system, { dir })))
    await one?.set('a', 1)
    expect(two?.get('a')).toBe(1)
    await Promise.all([one?.close(), one?.close(), two?.close()])
    await three?.set('b', 2)
    expect(stateOf(three as Store)).toEqual({ a: 1, b: 2 })
    expect(() => one?.get('a')).toThrow(expect.objectContaining(closed))
    expect(existsSync(join(dir, 'logs', 'store.lock'))).toBe(true)
    expect(fileSystem.openFiles.size).toBe(1)
    await three?.close()
    expect(existsSync(join(dir, 'logs', 'store.lock'))).toBe(false)
    expect(fileSystem.openFiles.size).toBe(0)
  })

  test('share one engine however the directory is spelled', async () => {
    const dir = directory()
    mkdirSync(join(dir, 'real'))
    symlinkSync(join(dir, 'real'), join(dir, 'link'))
    await using one = await openOn(machine(), { dir: join(dir, 'real') })
    await using two = await openOn(machine(), { dir: join(dir, 'link') })
    await using three = await openOn(machine(), { dir: join(dir, 'real', '..', 'real', '') })
    await two.set('a', 1)
    expect([one.get('a'), three.get('a')]).toEqual([1, 1])
  })

  test('refuses options that contradict those of an open handle, and names them', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    for (const differing of [
      { durability: 'os' as const },
      { recovery: 'strict' as const },
      { times: true },
      { compaction: false as const },
      { compaction: { minBytes: 5 } },
    ]) {
      const other = openOn(machine(), { dir, ...differing })
      await expect(other).rejects.toMatchObject({ code: 'FLATLOG_OPTIONS_CONFLICT', path: logPath(dir) })
      await expect(other).rejects.toThrow(new RegExp(`${Object.keys(differing)[0]}.*What to do`))
    }
    await store.set('a', 1)
    await using same = await openOn(machine(), { dir, durability: 'always', compaction: { minBytes: 0, growth: null } })
    expect(same.get('a')).toBe(1)
  })

  test('a store can be opened after an open that failed', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const system = machine({ fileSystem })
    fileSystem.fail('open', systemError('EMFILE'), { times: Number.POSITIVE_INFINITY })
    const outcomes = await Promise.allSettled([openOn(system, { dir }), openOn(system, { dir })])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    fileSystem.heal()
    expect(existsSync(join(dir, 'logs', 'store.lock'))).toBe(false)
    await using store = await openOn(system, { dir, durability: 'os' })
    await store.set('a', 1)
    expect(store.get('a')).toBe(1)
  })

  test('an open during the last close waits for it and reads every write', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const system = machine({ fileSystem })
    const first = await openOn(system, { dir })
    first.set('a', 1)
    const held = fileSystem.hold('sync', { on: /store\.log/ })
    const closing = first.close()
    await held.reached
    const opening = Promise.all([openOn(system, { dir, durability: 'os' }), openOn(system, { dir, durability: 'os' })])
    const watched = watchPromise(opening)
    await turns()
    expect(watched.state).toBe('pending')
    held.release()
    await closing
    const [two, three] = await opening
    expect([two.get('a'), three.get('a')]).toEqual([1, 1])
    await two.close()
    await three.set('b', 1)
    await three.close()
  })

  test('closing one handle makes its writes durable', async () => {
    const dir = directory()
    await using one = await openOn(machine(), { dir, durability: 'os' })
    const two = await openOn(machine(), { dir, durability: 'os' })
    two.set('a', 1)
    await two.close()
    expect(one.stats()).toMatchObject({ lastSeq: 1, syncedSeq: 1 })
  })

  test('a listener receives nothing after its own handle is closed', async () => {
    const dir = directory()
    await using one = await openOn(machine(), { dir })
    const two = await openOn(machine(), { dir })
    const received: unknown[] = []
    two.watch((change) => received.push(change))
    await one.set('a', 1)
    await two.close()
    await one.set('b', 1)
    expect(received).toHaveLength(1)
  })

  test('closing a handle ends its changes(), even if another handle stays open', async () => {
    const dir = directory()
    await using _one = await openOn(machine(), { dir })
    const two = await openOn(machine(), { dir })
    const next = two.changes().next()
    let ended: IteratorResult<unknown> | undefined
    next.then((result) => {
      ended = result
    })
    await turns()
    await two.close()
    await turns()
    expect(ended).toEqual({ done: true, value: undefined })
  })

  test('closing one handle of a failed store succeeds, as does closing the last one', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const system = machine({ fileSystem })
    const [one, two] = await Promise.all([openOn(system, { dir }), openOn(system, { dir })])
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    await expect(one.set('a', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    const outcomes = [await settled(one.close()), await settled(two.close())]
    expect(outcomes).toEqual(['fulfilled', 'fulfilled'])
  })
})

async function settled(promise: Promise<unknown>): Promise<string> {
  const [outcome] = await Promise.allSettled([promise])
  return outcome?.status as string
}

test('stores of different names in one directory are independent', async () => {
  const dir = directory()
  const players = await openOn(machine(), { dir, name: 'players' })
  const tokens = await openOn(machine(), { dir, name: 'players2' })
  await players.set('a', 'players')
  await tokens.set('a', 'tokens')
  await players.compact()
  await players.close()
  await tokens.compact()
  expect(tokens.get('a')).toBe('tokens')
  await tokens.close()
  expect(JSON.parse(readFileSync(join(dir, 'players.json'), 'utf8'))).toEqual({ a: 'players' })
  writeFileSync(join(dir, 'note.txt'), 'mine')
  await using again = await openOn(machine(), { dir, name: 'players' })
  expect(again.get('a')).toBe('players')
})

test('a store that is opened while its last handle closes, at whatever microtask, can be used', async () => {
  for (let microtasks = 0; microtasks < 14; microtasks++) {
    const dir = directory()
    let waiting: (() => void)[] | undefined
    const syncDirectory = () => new Promise<void>((resolve) => void (waiting ? waiting.push(resolve) : resolve()))
    const shared = machine({ fileSystem: { ...nodeFileSystem, syncDirectory } })
    const first = await openOn(shared, { dir })
    await first.set('a', 1)
    waiting = []
    const opening = openOn(shared, { dir })
    const syncs = waiting
    while (syncs.length === 0) await turns(1)
    waiting = undefined
    for (const resolve of syncs) resolve()
    for (let number = 0; number < microtasks; number++) await null
    const closing = first.close()
    const second = await opening
    await closing
    await second.set('b', 2)
    expect(stateOf(second), `${microtasks} microtasks`).toEqual({ a: 1, b: 2 })
    await second.close()
  }
})

test('close() beside a refused write rejects with it, and makes the others durable and describes them', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const store = await openOn(machine({ fileSystem }), { dir, durability: 'os' })
  await store.set('a', 1)
  fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.log/ })
  const refused = expect(store.set('b', 1)).rejects.toMatchObject({ code: 'FLATLOG_NO_SPACE' })
  await expect(store.close()).rejects.toMatchObject({ code: 'FLATLOG_NO_SPACE' })
  await refused
  expect(fileNames(dir)).toEqual(['store.log', 'store.mark'])
  expect(JSON.parse(readFileSync(join(dir, 'logs', 'store.mark'), 'utf8'))).toMatchObject({ seq: 1 })
  expect(JSON.parse(readFileSync(join(dir, 'store.json'), 'utf8'))).toEqual({ a: 1 })
})
