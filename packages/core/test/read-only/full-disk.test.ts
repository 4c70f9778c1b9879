import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stateOf } from '../support/files.js'
import { fingerprint } from '../support/fingerprint.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, useSmallDisks } from '../support/small-disk.js'
import { perform, Workload } from '../support/workload.js'
import { Mirror } from './shared-disk.js'

const smallDisk = useSmallDisks()
useRejectionWatch()

test.skipIf(!canMount)(
  'a reader shows the acknowledged writes while the disk of the writer becomes full again and again',
  async () => {
    await withSeed(async (random) => {
      const disk = smallDisk()
      const dir = join(disk.path, 'data')
      await using writer = await openOn(machine(), {
        dir,
        durability: 'os',
        compaction: { minBytes: 20_000 },
        backups: 1,
      })
      await using reader = await openOn(machine(), { dir, readOnly: true })
      const mirror = new Mirror(reader)
      const workload = new Workload(random, 60)
      let refused = 0
      for (let round = 0; round < rounds(10, 200); round++) {
        disk.fill()
        disk.giveBack(4096 * random.below(8))
        for (let write = 0; write < 30; write++) {
          const step = workload.stepAt(workload.steps)
          const isAcknowledged = await perform(writer, step).then(
            () => true,
            (error: unknown) => {
              expect(error).toMatchObject({ code: 'FLATLOG_NO_SPACE' })
              return false
            },
          )
          if (isAcknowledged) workload.next()
          else refused++
          await reader.flush()
          expect(stateOf(reader)).toEqual(stateOf(writer))
          expect(mirror.fingerprint).toBe(fingerprint(writer.entries()))
        }
      }
      expect(refused).toBeGreaterThan(0)
      expect(reader.health().problems).toEqual([])
    })
  },
)
