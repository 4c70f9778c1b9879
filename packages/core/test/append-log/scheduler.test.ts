import { describe, expect, it } from 'vitest'
import { CompactionScheduler, FlatlogError, type Logs, openLogs } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'
import { parsedRecords, run } from './store-in.js'

/** The scheduler compacts the logs that need it once per interval, never two runs at once. */

const makeDir = useTempDirectory()
const HOUR_MS = 3_600_000

/** Logs that record their calls; a compaction waits until the test releases it. */
class RecordingLogs {
  readonly compacted: string[] = []
  readonly asked: [name: string, minBytes: number | undefined][] = []
  running = 0
  mostAtOnce = 0
  #waiting: ((error?: Error) => void)[] = []

  constructor(
    private readonly holds = false,
    private readonly needy: readonly string[] = ['players', 'tokens'],
  ) {}

  async needsCompaction(name: string, minBytes?: number): Promise<boolean> {
    this.asked.push([name, minBytes])
    return this.needy.includes(name)
  }

  async compactLog(name: string): Promise<{ bytesBefore: number; bytesAfter: number }> {
    this.compacted.push(name)
    this.running++
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running)
    try {
      if (this.holds) {
        await new Promise<void>((resolve, reject) => this.#waiting.push((error) => (error ? reject(error) : resolve())))
      }
      return { bytesBefore: 2, bytesAfter: 1 }
    } finally {
      this.running--
    }
  }

  async release(error?: Error): Promise<void> {
    this.#waiting.shift()?.(error)
    await turns()
  }
}

function scheduled(logs: RecordingLogs, options: { intervalMs?: number; minBytes?: number } = {}) {
  const clock = new ManualClock()
  const problems: [code: string, name: string][] = []
  const scheduler = new CompactionScheduler(logs as unknown as Logs, options.intervalMs ?? HOUR_MS, {
    clock,
    ...(options.minBytes !== undefined && { minBytes: options.minBytes }),
    onProblem: (error, name) => problems.push([error.code, name]),
  })
  const pass = async (ms: number) => {
    clock.advance(ms)
    await turns()
  }
  return { scheduler, clock, problems, pass }
}

describe('CompactionScheduler', () => {
  it('checks once per interval, the first time one interval after start', async () => {
    const logs = new RecordingLogs()
    const { scheduler, pass } = scheduled(logs)
    scheduler.start(['players', 'tokens'])
    await pass(HOUR_MS - 1)
    expect(logs.compacted).toEqual([])
    await pass(1)
    expect(logs.compacted).toEqual(['players', 'tokens'])
    await pass(HOUR_MS - 1)
    expect(logs.compacted).toHaveLength(2)
    await pass(1)
    expect(logs.compacted).toHaveLength(4)
    await scheduler.stop()
  })

  it('compacts only logs over the given limit, or over 1 MiB', async () => {
    for (const [minBytes, expected] of [
      [undefined, 1_048_576],
      [500, 500],
    ] as const) {
      const logs = new RecordingLogs(false, ['tokens'])
      const { scheduler, pass } = scheduled(logs, minBytes === undefined ? {} : { minBytes })
      scheduler.start(['players', 'tokens'])
      await pass(HOUR_MS)
      expect(logs.asked).toEqual([
        ['players', expected],
        ['tokens', expected],
      ])
      expect(logs.compacted).toEqual(['tokens'])
      await scheduler.stop()
    }
  })

  it('never has two runs at once, however long one takes', async () => {
    const logs = new RecordingLogs(true)
    const { scheduler, pass } = scheduled(logs)
    scheduler.start(['players', 'tokens'])
    await pass(HOUR_MS)
    const more = [scheduler.run(), scheduler.run()]
    await pass(HOUR_MS * 3)
    expect(logs.compacted).toEqual(['players'])
    await logs.release()
    expect(logs.compacted).toEqual(['players', 'tokens'])
    await logs.release()
    await Promise.all(more)
    expect(logs.mostAtOnce).toBe(1)
    expect(logs.compacted).toHaveLength(2)
    // The next interval begins when the run has ended.
    await pass(HOUR_MS)
    expect(logs.compacted).toHaveLength(3)
    const stopped = scheduler.stop()
    await logs.release()
    await logs.release()
    await stopped
  })

  it('begins nothing after stop, which resolves when the compaction under way has ended', async () => {
    const logs = new RecordingLogs(true)
    const { scheduler, clock, pass } = scheduled(logs)
    scheduler.start(['players', 'tokens'])
    await pass(HOUR_MS)
    let isStopped = false
    const stopped = scheduler.stop().then(() => {
      isStopped = true
    })
    await turns()
    expect(isStopped).toBe(false)
    await logs.release()
    expect({ isStopped, compacted: logs.compacted }).toEqual({ isStopped: true, compacted: ['players'] })
    await stopped
    expect(clock.timers).toBe(0)
    await pass(HOUR_MS * 5)
    expect(logs.compacted).toEqual(['players'])
  })

  it('stopped before its first run has done nothing, and can be stopped again', async () => {
    const logs = new RecordingLogs()
    const { scheduler, clock, pass } = scheduled(logs)
    scheduler.start(['players'])
    await scheduler.stop()
    await scheduler.stop()
    await pass(HOUR_MS * 2)
    expect({ compacted: logs.compacted, timers: clock.timers }).toEqual({ compacted: [], timers: 0 })
  })

  it('stopped and started again continues with one timer', async () => {
    const logs = new RecordingLogs(true)
    const { scheduler, clock, pass } = scheduled(logs)
    scheduler.start(['players'])
    await pass(HOUR_MS)
    const stopped = scheduler.stop()
    scheduler.start(['tokens'])
    await logs.release()
    await stopped
    expect(clock.timers).toBe(1)
    await pass(HOUR_MS)
    await logs.release()
    expect(logs.compacted).toEqual(['players', 'tokens'])
    expect(clock.timers).toBe(1)
    await scheduler.stop()
  })

  it('started twice uses the second list of names, and keeps one timer', async () => {
    const logs = new RecordingLogs()
    const { scheduler, clock, pass } = scheduled(logs)
    scheduler.start(['players'])
    scheduler.start(['tokens'])
    expect(clock.timers).toBe(1)
    await pass(HOUR_MS)
    expect(logs.compacted).toEqual(['tokens'])
    await scheduler.stop()
  })

  it('reports a failed compaction, and continues with the other logs and the next interval', async () => {
    const logs = new RecordingLogs(true)
    const { scheduler, problems, pass } = scheduled(logs)
    scheduler.start(['players', 'tokens'])
    await pass(HOUR_MS)
    await logs.release(new FlatlogError('FLATLOG_LOCKED', 'in use'))
    expect(logs.compacted).toEqual(['players', 'tokens'])
    await logs.release(Object.assign(new Error('broken'), { code: 'EIO' }))
    expect(problems).toEqual([
      ['FLATLOG_LOCKED', 'players'],
      ['FLATLOG_IO', 'tokens'],
    ])
    await pass(HOUR_MS)
    expect(logs.compacted).toHaveLength(3)
    const stopped = scheduler.stop()
    await logs.release()
    await logs.release()
    await stopped
  })

  it('continues if a listener throws', async () => {
    const logs = new RecordingLogs(true)
    const clock = new ManualClock()
    const scheduler = new CompactionScheduler(logs as unknown as Logs, 10, {
      clock,
      onProblem: () => {
        throw new Error('the listener is broken')
      },
    })
    scheduler.start(['players'])
    clock.advance(10)
    await turns()
    await logs.release(new Error('x'))
    clock.advance(10)
    await turns()
    expect(logs.compacted).toHaveLength(2)
    const stopped = scheduler.stop()
    await logs.release()
    await stopped
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses an interval of %s', (intervalMs) => {
    expect(() => new CompactionScheduler(new RecordingLogs() as unknown as Logs, intervalMs)).toThrow(
      expect.objectContaining({ code: 'FLATLOG_INVALID_OPTION' }),
    )
  })

  it.each([{ minByte: 1 }, { minBytes: -1 }, { minBytes: '1' }, { onProblem: 'log' }, 5, null])(
    'refuses the options %j',
    (options) => {
      expect(() => new CompactionScheduler(new RecordingLogs() as unknown as Logs, 10, options as object)).toThrow(
        expect.objectContaining({ code: 'FLATLOG_INVALID_OPTION' }),
      )
    },
  )

  it('compacts real logs', async () => {
    const dir = makeDir()
    await run(dir, (store) => Promise.all(Array.from({ length: 100 }, (_, number) => store.set('a', number))))
    const clock = new ManualClock()
    const scheduler = new CompactionScheduler(openLogs({ dir }), HOUR_MS, { clock, minBytes: 1000 })
    scheduler.start(['players', 'nowhere'])
    clock.advance(HOUR_MS)
    await scheduler.run()
    await scheduler.stop()
    expect(parsedRecords(dir)).toEqual([])
    expect(await run(dir, (store) => store.get('a'))).toBe(99)
  })
})
