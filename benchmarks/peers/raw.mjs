import { closeSync, existsSync, fdatasyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What the system can do: the same lines through one `writeSync`, followed by `fdatasync` where a row says fsync. It
 * keeps no index, checks nothing and gives no answer, so it is a limit and no peer.
 *
 * @type {import('./peer.mjs').Peer}
 */
export default {
  id: 'raw',
  label: 'raw limit',
  settings: 'lines of the same length by `fs.writeSync`, with `fs.fdatasyncSync` where a row says fsync',
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
        // It may be longer than any string.
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

/** As long as a record of Flatlog; the fields that it would have to work out stand still. */
function lineOf(key, value) {
  return `{"timestamp":"2025-01-15T12:34:56.789Z","seq":1000000,"synced":1000000,"op":"SET","key":"${key}","value":${JSON.stringify(value)},"crc":"00000000"}\n`
}
