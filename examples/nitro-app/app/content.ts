import type { Storage } from 'unstorage'
import { newestEntries, storedItems } from './guestbook'
import { lastLines } from './log-tail'
import { renderPage } from './page'

const ENTRIES_SHOWN = 20
const LINES_SHOWN = 8

/** Renders the page, for both versions of Nitro. `storageOf` returns the storage of a mount. */
export async function guestbookPage(storageOf: (mount: string) => Storage): Promise<string> {
  const guestbook = storageOf('guestbook')
  const [entries, ofGuestbook, ofCache, logLines] = await Promise.all([
    newestEntries(guestbook, ENTRIES_SHOWN),
    storedItems(guestbook),
    storedItems(storageOf('cache')),
    lastLines(process.env.DATA_DIR || '.data', 'guestbook', LINES_SHOWN),
  ])
  return renderPage({ entries, stored: { guestbook: ofGuestbook, cache: ofCache }, logLines })
}
