import { expect, test } from 'vitest'
import { Random, withSeed } from '../support/random.js'
import { Fate } from './faults.js'
import { filesOf } from './files.js'
import { SimulatedMachine } from './machine.js'
import { settle } from './settle.js'

const MIB = 1024 * 1024

test('a record of 20 MiB that a kill has cut in the middle is a torn tail, not damage', async () => {
  await withSeed(async (random) => {
    const machine = SimulatedMachine.withNewDisk('posix', new Random(random.seed))
    const writer = machine.start()
    const opened = await settle(writer, writer.open({ mainFile: false }))
    if (opened.kind !== 'resolved') throw new Error(opened.kind)
    expect((await settle(writer, opened.value.set('small', 1))).kind).toBe('resolved')

    // The next call writes the record, and the process dies in it after more than 16 MiB.
    const fate = new Fate(() => 1)
    const share = 0.85 + random.next() * 0.14
    writer.onCall = (call) => {
      if (call.kind === 'write' && (call.write?.bytes.length ?? 0) > MIB) fate.dieAfter(0, share)
      return fate.onCall(call)
    }
    const write = opened.value.set('long', 'x'.repeat(20 * MIB))
    expect((await settle(writer, write)).kind).toBe('died')

    const next = machine.start()
    const again = await settle(next, next.open({ mainFile: false, recovery: 'strict' }))
    if (again.kind !== 'resolved') throw again.kind === 'rejected' ? again.error : new Error(again.kind)
    expect([...again.value.entries()]).toEqual([['small', 1]])
    expect(again.value.recovery).toMatchObject({ damage: [], inDoubt: [] })
    expect(again.value.recovery.cutBytes).toBeGreaterThan(16 * MIB)
    const kept = Object.entries(filesOf(machine)).filter(([path]) => path.includes('.quarantine.'))
    expect(kept.map(([, bytes]) => bytes.length)).toEqual([again.value.recovery.cutBytes])
  })
})
