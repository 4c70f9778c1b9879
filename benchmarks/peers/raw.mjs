import { closeSync, existsSync, fdatasyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The limit of what the system can do: the same lines with one `writeSync`, and `fdatasync` in rows with fsync. It has no
 * index, checks nothing and cannot read, so it is not a store.
 *
 * @type {import('./peer.mjs').Peer}
 */
export default {
  id: 'raw',
  label: 'raw limit',
  settings: 'lines of the same length with `fs.writeSync`, and `fs.fdatasyncSync` in rows with fsync',
  isLimit: true,
  cannot: {
    read: 'only writes',
    compaction: 'only writes',
    ownCompaction: 'only writes',
  },

  async open(dir, { durability }) {
    mkdirSync(dir, { recursive: true })
    const file = join(dir, 'lines')
    const fd = openSync(file, 'a')
    const isSynced = durability === 'fsync'
    const write = (lines) => {
      writeSync(fd, lines)
      if (isSynced) fdatasyncSync(fd)
    }
    return {
      set: (key, value) => write(lineOf(key, value)),
      setBatch(pairs) {
        let lines = ''
        for (const [key, value] of pairs) lines += lineOf(key, value)
        write(lines)
      },
      *entries() {
        if (!existsSync(file)) return
        const last = new Map()
        // Read line by line, because the file may be longer than the longest string.
        for (const line of linesOf(file)) {
          const { key, value } = JSON.parse(line)
          last.set(key, JSON.stringify(value))
        }
        yield* last
      },
      close: () => closeSync(fd),
    }
  },
}

function* linesOf(file) {
  const fd = openSync(file, 'r')
  const chunk = Buffer.alloc(1024 * 1024)
  let rest = ''
  for (let got = readSync(fd, chunk); got > 0; got = readSync(fd, chunk)) {
    const lines = (rest + chunk.toString('latin1', 0, got)).split('\n')
    rest = lines.pop()
    yield* lines
  }
  closeSync(fd)
}

/** A line as long as a record of Flatlog, but with constants for the fields that Flatlog computes. */
function lineOf(key, value) {
  return `{"timestamp":"2025-01-15T12:34:56.789Z","seq":1000000,"synced":1000000,"op":"SET","key":"${key}","value":${JSON.stringify(value)},"crc":"00000000"}\n`
}
