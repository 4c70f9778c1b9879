import { writeSync } from 'node:fs'
import { join } from 'node:path'
import {
  allNew,
  decodeLine,
  newRecovery,
  nodeFileSystem,
  openStore,
  readLines,
  readMainFile,
  readOlderLog,
  Slices,
  storePaths,
  systemClock,
  writeCheckpoint,
} from '../core.js'
import { finalTextOf, type GiantPlan, keysOf } from '../giant-plan.js'

/**
 * Takes over the installation in a directory, in little memory, and says what is in it then: as a store, or, with
 * `written`, as the new log that is written, without it being read back into memory.
 */
const [dir, how, planned] = process.argv.slice(2) as [string, 'opened' | 'written', string]
const plan = JSON.parse(planned) as GiantPlan

/** Says where a key is not what it should be; keys come in order. */
class Judge {
  keys = 0
  wrong: string[] = []
  #last: string | undefined

  look(key: string, text: string): void {
    this.keys++
    const number = Number(key.slice(key.lastIndexOf(':') + 1))
    const isInOrder = this.#last === undefined || this.#last < key
    this.#last = key
    if ((text !== finalTextOf(plan, number) || !isInOrder) && this.wrong.length < 5) this.wrong.push(`${key}: ${text}`)
  }
}

const judge = new Judge()
const startMs = performance.now()

if (how === 'opened') {
  const store = await openStore({ dir, mainFile: false, compaction: false })
  for (const key of store.keys()) judge.look(key, store.getText(key) as string)
  await store.close()
} else {
  const paths = storePaths(dir, 'store')
  const slices = new Slices(systemClock)
  const context = {
    ...{ fileSystem: nodeFileSystem, paths, slices, recovery: newRecovery('log') },
    ...{ times: false, onProgress: () => {}, isReadOnly: false },
  }
  const log = nodeFileSystem.status(paths.log) && nodeFileSystem.open(paths.log, 'read')
  const original = log ? await readOlderLog(context, log, false) : await readMainFile(context)
  if (!original) throw new Error('there is no installation of the original system')
  const file = nodeFileSystem.open(join(dir, 'written.log'), 'create')
  const timestamp = new Date().toISOString()
  const start = { seq: original.lastSeq, store: '0'.repeat(16), timestamp, stateBytes: original.sizeBytes }
  await writeCheckpoint(file, allNew(original.pairs()), start, slices)
  original.dispose()
  for (const line of readLines(file)) {
    const part = decodeLine(line.bytes)
    if (part.kind === 'part') for (const { key, value } of part.state) judge.look(key, value.text)
    else if (part.kind === 'bad') judge.wrong.push(`line ${line.number}`)
  }
  file.close()
}

let keys = 0
for (let number = 0; number < keysOf(plan); number++) if (finalTextOf(plan, number) !== undefined) keys++
const maxRssMiB = Math.round(process.resourceUsage().maxRSS / 1024)
const seconds = Math.round((performance.now() - startMs) / 1000)
writeSync(1, `${JSON.stringify({ missing: keys - judge.keys, wrong: judge.wrong, maxRssMiB, seconds })}\n`)
