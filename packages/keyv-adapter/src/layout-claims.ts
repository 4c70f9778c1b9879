import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { FlatlogError } from '@flatlog/core'

interface Layout {
  readonly bareNamespace: string | undefined
  users: number
}

/** One table for the process, also where it loads this package twice (as ESM and as CommonJS). */
const LAYOUTS = Symbol.for('@flatlog/keyv layouts')

function layouts(): Map<string, Layout> {
  const holder = globalThis as { [LAYOUTS]?: Map<string, Layout> }
  holder[LAYOUTS] ??= new Map()
  return holder[LAYOUTS]
}

/**
 * For a file that is open. All stores on it must agree on its bare namespace: clearing the one that stands without a
 * prefix would otherwise take the others along. Returns the function that gives the claim back.
 */
export function claimLayout(dir: string, name: string, bareNamespace: string | undefined): () => void {
  const path = join(realpathSync.native(dir), name)
  const layout = layouts().get(path) ?? { bareNamespace, users: 0 }
  if (layout.bareNamespace !== bareNamespace) {
    const spell = (bare: string | undefined) => (bare === undefined ? 'none' : JSON.stringify(bare))
    throw new FlatlogError(
      'FLATLOG_OPTIONS_CONFLICT',
      `${path} is in use with bareNamespace ${spell(layout.bareNamespace)}, and is asked for with ` +
        `${spell(bareNamespace)}. What to do: give every store on it the same, or give this one another name.`,
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
