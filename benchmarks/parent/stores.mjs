/** The directories of the runs. Each store is loaded once, and each run gets its own copy. */
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
    // An interrupted run may have left these.
    rmSync(join(dir, 'loaded'), { recursive: true, force: true })
    rmSync(join(dir, 'runs'), { recursive: true, force: true })
  }

  /** Prepares the directory for one run. `leave` removes it. */
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
    syncAll(dir)
    return { dir, leave: () => this.#remove(dir) }
  }

  async #load(peer, { keys, tail }, as, seed) {
    const name = nameOf(peer, { keys, tail }, as)
    const known = this.#loaded.get(name)
    if (known) return known
    const dir = join(this.#dir, 'loaded', name)
    mkdirSync(dir, { recursive: true })
    await runJob({ kind: 'load', peer: peer.id, dir, keyCount: keys, tail, as, seed })
    syncAll(dir)
    this.#loaded.set(name, dir)
    return dir
  }

  /** Removes the loaded stores that these rows do not need. Together all stores would take gigabytes. */
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

/** Syncs the directory to disk before the measurement, so that no peer pays for earlier writes. */
function syncAll(dir) {
  // One call for everything, if possible: syncing a store with one file per key would take minutes.
  if (process.platform !== 'win32' && spawnSync('sync').status === 0) return
  for (const file of filesIn(dir)) {
    const fd = openSync(file, 'r+')
    fsyncSync(fd)
    closeSync(fd)
  }
}
