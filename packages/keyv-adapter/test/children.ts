import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Processes of their own, which use the built package by its name as an application does. */
const cwd = fileURLToPath(new URL('..', import.meta.url))

/** Runs a script of `test/children` and gives back what it prints as JSON. */
export async function runChild(script: string, args: readonly string[]): Promise<unknown> {
  const { printed, code } = await outputOf(script, args)
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}`)
  return JSON.parse(printed)
}

/** The same, killed with SIGKILL once it has printed so many lines. All the lines that it came to print. */
export async function killedAfter(lines: number, script: string, args: readonly string[]): Promise<string[]> {
  const { printed, code } = await outputOf(script, args, lines)
  if (code !== 'SIGKILL') throw new Error(`${script} ${args.join(' ')} ended by itself with ${code}`)
  return printed.split('\n').slice(0, -1)
}

/** How it ends by itself, and what it prints. */
export function endOf(script: string, args: readonly string[]) {
  return outputOf(script, args)
}

async function outputOf(script: string, args: readonly string[], killAfterLines?: number) {
  const path = fileURLToPath(new URL(`children/${script}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  let lines = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
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
