import { writeSync } from 'node:fs'
import type { FileSystem, OpenFile } from './core.js'

/** The file system call after which a process stops, to be killed there. */
export interface StopAt {
  /** A regular expression. Only calls that change a file whose path matches count. */
  readonly on: string
  readonly nth: number
  /** If the call is a write, only this share of its bytes is written. @default 1 */
  readonly share?: number
  /** If given, only writes of at least this many bytes count. */
  readonly minBytes?: number
}

/** Reports that the process has stopped, and blocks it until it is killed. */
function stop(): void {
  writeSync(1, 'STOP\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** A file system that stops the process after one of its calls. */
export function stopAfter(fileSystem: FileSystem, { on, nth, share = 1, minBytes = 0 }: StopAt): FileSystem {
  const pattern = new RegExp(on)
  let left = nth
  const isNext = (path: string, bytes = 0) => bytes >= minBytes && pattern.test(path) && left-- === 1
  const stopIf = (path: string) => isNext(path) && stop()

  const watched = (file: OpenFile): OpenFile =>
    replacing(file, {
      write(bytes, position) {
        if (!isNext(file.path, Buffer.byteLength(bytes))) return file.write(bytes, position)
        const whole = Buffer.from(bytes as string)
        const length = Math.floor(share * whole.length)
        if (length > 0) file.write(whole.subarray(0, length), position)
        stop()
        return length
      },
      truncate(sizeBytes) {
        file.truncate(sizeBytes)
        stopIf(file.path)
      },
    })

  return replacing(fileSystem, {
    open(path, mode) {
      const file = watched(fileSystem.open(path, mode))
      if (mode === 'create') stopIf(path)
      return file
    },
    rename(from, to) {
      fileSystem.rename(from, to)
      stopIf(to)
    },
    link(from, to) {
      fileSystem.link(from, to)
      stopIf(to)
    },
    remove(path) {
      fileSystem.remove(path)
      stopIf(path)
    },
  })
}

/** The same object with some methods replaced. */
function replacing<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in methods) return methods[name as keyof T]
      const member = target[name as keyof T]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
