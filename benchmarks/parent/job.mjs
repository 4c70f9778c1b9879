/** Runs one job in a new process. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../child/main.mjs', import.meta.url))
const MAX_JOB_MS = 600_000
const LINES_IN_ERROR = 12

/** Resolves to the result. Rejects with the last lines of the output if there is no result. */
export function runJob(job) {
  return new Promise((resolve, reject) => {
    const child = fork(MAIN, [JSON.stringify(job)], {
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    let result
    let printed = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), MAX_JOB_MS)
    child.stdout.on('data', (chunk) => (printed += chunk))
    child.stderr.on('data', (chunk) => (printed += chunk))
    child.on('message', (message) => (result = message))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const isDone = result && (code === 0 || (signal === 'SIGKILL' && result.end === 'kill'))
      if (isDone) resolve(result)
      else {
        const lines = printed.trim().split('\n').slice(-LINES_IN_ERROR).join('\n')
        reject(Object.assign(new Error(`${job.kind} ended with ${signal ?? code}: ${lines}`), { printed }))
      }
    })
  })
}
