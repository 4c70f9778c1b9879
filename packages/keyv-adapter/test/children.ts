/**
 * Runs scripts in other processes.
 * They import the built package by its name, as an application does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const cwd = fileURLToPath(new URL('..', import.meta.url))

/** Starts a script of `test/children`. Its stdin stays open. */
export function startScript(script: string, args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(`children/${script}`, import.meta.url))
  return spawn(process.execPath, [path, ...args], { cwd, stdio: ['pipe', 'pipe', 'inherit'] })
}

/** Runs a script to its end. Returns its exit code or signal, and its output. */
export async function runScript(script: string, args: readonly string[], killAfterLines?: number) {
  const child = startScript(script, args)
  let printed = ''
  let lines = 0
  child.stdin?.end()
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    lines += text.split('\n').length - 1
    if (killAfterLines !== undefined && lines >= killAfterLines) child.kill('SIGKILL')
  })
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve(signal ?? status))
  })
  return { printed, code }
}

/** Runs a script that must succeed and returns what it printed, parsed as JSON. */
export async function runJsonScript(script: string, args: readonly string[]): Promise<unknown> {
  const { printed, code } = await runScript(script, args)
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}`)
  return JSON.parse(printed)
}

/**
 * Runs a script and kills it with SIGKILL after it has printed this many lines.
 * Returns all lines that it printed.
 */
export async function killScriptAfter(lines: number, script: string, args: readonly string[]): Promise<string[]> {
  const { printed, code } = await runScript(script, args, lines)
  if (code !== 'SIGKILL') throw new Error(`${script} ${args.join(' ')} ended with ${code} before it was killed`)
  return printed.split('\n').slice(0, -1)
}
