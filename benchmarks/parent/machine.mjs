/** Describes the machine that the figures were measured on. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { HERE } from './settings.mjs'

export function describeMachine(dir) {
  const cpus = os.cpus()
  return {
    processor: `${cpus[0]?.model.trim() ?? 'unknown'}, ${cpus.length} ${cpus.length === 1 ? 'core' : 'cores'}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${distribution()}, ${os.type()} ${os.release()}, ${os.arch()}`,
    fileSystem: fileSystemOf(dir),
    node: process.version,
    loadAverage: os.loadavg()[0].toFixed(2),
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
  }
}

function distribution() {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.platform()
  } catch {
    return os.platform()
  }
}

/** The file system of a directory: that of the mount with the longest path that contains it. */
function fileSystemOf(dir) {
  try {
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
    const contains = ([, path]) => dir === path || dir.startsWith(path.endsWith('/') ? path : `${path}/`)
    const [device, , type] = mounts.filter(contains).sort((a, b) => b[1].length - a[1].length)[0]
    return `${type} on ${device}`
  } catch {
    return 'unknown'
  }
}

function commit() {
  const git = (...args) => execFileSync('git', args, { cwd: HERE, encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    const isChanged = git('status', '--porcelain', '--', '..', ':!../benchmarks') !== ''
    return git('rev-parse', '--short', 'HEAD') + (isChanged ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}
