import type { MemoryDisk } from './memory-disk.js'

export interface Image {
  /** The change before which the crash happened. */
  readonly at: string
  readonly disk: MemoryDisk
}

/** Copies all files before each change that `run` makes, as a crash would leave them. */
export async function crashImages(disk: MemoryDisk, run: () => Promise<void>): Promise<Image[]> {
  const images: Image[] = []
  disk.beforeChange = (change, path) => void images.push({ at: `${change} ${path}`, disk: disk.copy() })
  try {
    await run()
  } finally {
    disk.beforeChange = () => {}
  }
  return images
}
