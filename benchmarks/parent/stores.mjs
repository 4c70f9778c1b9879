/** The directories that the runs work on: each store is loaded once, and each run gets a copy of its own. */
import { spawnSync } from 'node:child_process'
import { closeSync, cpSync, fsyncSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn } from '../child/files.mjs'
import { runJob } from './job.mjs'

export class Stores {
  #dir
  #loaded = new Map()
  #runs = 0
  #isKept

  constructor({ dir, isKept }) {
    this.#dir = dir
    this.#isKept = isKept
    mkdirSync(dir, { recursive: true })
    // What an earlier run that was stopped may have left.
    rmSync(join(dir, 'loaded'), { recursive: true, force: true })
    rmSync(join(dir, 'runs'), { recursive: true, force: true })
  }

  /** A directory for one run, which `leave` takes back. */
  async enter(peer, { store, as, work }, seed) {
    const dir = join(this.#dir, 'runs', `${++this.#runs}-${peer.id}`)
    if (store.isEmpty || peer.isLimit) {
      mkdirSync(dir, { recursive: true })
      return { dir, leave: () => this.#remove(dir) }
    }
    const source = await this.#load(peer, store, as ?? 'value', seed)
    const isOnlyRead = work === 'list' || work === 'get'
    if (peer.opensWithoutWriting && isOnlyRead) return { dir: source, leave: () => {} }
    cpSync(source, dir, { recursive: true })
    settle(dir)
    return { dir, leave: () => this.#remove(dir) }
  }

  async #load(peer, { keys, tail }, as, seed) {
    const name = nameOf(peer, { keys, tail }, as)
    const known = this.#loaded.get(name)
    if (known) return known
    const dir = join(this.#dir, 'loaded', name)
    mkdirSync(dir, { recursive: true })
    await runJob({ kind: 'load', peer: peer.id, dir, keyCount: keys, tail, as, seed })
    settle(dir)
    this.#loaded.set(name, dir)
    return dir
  }

  /** Loaded stores that none of these rows will need go at once: together they would take gigabytes. */
  forgetAllBut(rows) {
    const needed = new Set(
      rows.flatMap(({ row, peers }) =>
        row.work ? peers.map((peer) => nameOf(peer, row.store, row.as ?? 'value')) : [],
      ),
    )
    for (const [name, dir] of this.#loaded) {
      if (needed.has(name)) continue
      this.#remove(dir)
      this.#loaded.delete(name)
    }
  }

  #remove(dir) {
    if (!this.#isKept) rmSync(dir, { recursive: true, force: true })
  }
}

function nameOf(peer, { keys, tail }, as) {
  return `${peer.id}-${as}-${keys}-${tail}`
}

/** On disk before the clock runs, so that nobody pays for what another wrote. */
function settle(dir) {
  // One call for everything, where there is one: a store of a file for each key would take minutes.
  if (process.platform !== 'win32' && spawnSync('sync').status === 0) return
  for (const file of filesIn(dir)) {
    const fd = openSync(file, 'r+')
    fsyncSync(fd)
    closeSync(fd)
  }
}
