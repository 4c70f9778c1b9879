import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { FlatlogError } from '@flatlog/core'

interface Layout {
  readonly bareNamespace: string | undefined
  users: number
}

/** One table per process, even if the package is loaded both as ESM and as CommonJS. */
const LAYOUTS = Symbol.for('@flatlog/keyv layouts')

function layouts(): Map<string, Layout> {
  const holder = globalThis as { [LAYOUTS]?: Map<string, Layout> }
  holder[LAYOUTS] ??= new Map()
  return holder[LAYOUTS]
}

/**
 * Registers that a store uses an open log with this bare namespace. Returns the function that ends the claim.
 *
 * All stores on a log must agree on its bare namespace: its keys have no prefix, so clearing it would also clear the
 * keys of every other namespace.
 */
export function claimLayout(dir: string, name: string, bareNamespace: string | undefined): () => void {
  const path = join(realpathSync.native(dir), name)
  const layout = layouts().get(path) ?? { bareNamespace, users: 0 }
  if (layout.bareNamespace !== bareNamespace) {
    const describe = (bare: string | undefined) => (bare === undefined ? 'none' : JSON.stringify(bare))
    throw new FlatlogError(
      'FLATLOG_OPTIONS_CONFLICT',
      `${path} is open in this process with bareNamespace ${describe(layout.bareNamespace)}, but this store has ` +
        `${describe(bareNamespace)}. Use the same bareNamespace for every store on the log, or another name here.`,
      { path },
    )
  }
  layout.users++
  layouts().set(path, layout)
  return () => {
    layout.users--
    if (layout.users === 0) layouts().delete(path)
  }
}
