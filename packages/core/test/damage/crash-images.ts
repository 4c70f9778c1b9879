import type { MemoryDisk } from './memory-disk.js'

export interface Image {
  /** The change that did not come about any more. */
  readonly at: string
  readonly disk: MemoryDisk
}

/** All files as they are before each change that `run` makes to them: what a crash at that moment leaves. */
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
