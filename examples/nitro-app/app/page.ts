import type { Entry, StoredItem } from './guestbook'

export interface PageContent {
  entries: Entry[]
  /** The stored items by the name of their log. */
  stored: Record<string, StoredItem[]>
  logLines: string[]
}

export function renderPage({ entries, stored, logLines }: PageContent): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Guestbook</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  table { border-collapse: collapse; width: 100%; font-size: 0.85rem }
  td, th { border-bottom: 1px solid #ccc; padding: 0.3rem; text-align: left; overflow-wrap: anywhere }
  pre { background: #f4f4f4; padding: 0.6rem; overflow-x: auto; font-size: 0.8rem }
  label { display: block; margin: 0.4rem 0 }
</style>
<h1>Guestbook</h1>
<form method="post" action="/sign">
  <label>Name <input name="name" maxlength="60"></label>
  <label>Text <input name="text" maxlength="500" size="60" required></label>
  <button>Sign</button>
</form>
${entries.map(renderEntry).join('\n') || '<p>There are no entries yet.</p>'}
<p><a href="/primes">How many primes are there below a million?</a> Counted at most once a minute and cached in between.</p>
<h2>What is stored</h2>
${Object.entries(stored).map(renderTable).join('\n')}
<h3>The last lines of the log</h3>
<pre>${logLines.map(escapeHtml).join('\n')}</pre>
</html>
`
}

function renderEntry({ name, text, at }: Entry): string {
  return `<p><b>${escapeHtml(name)}</b>: ${escapeHtml(text)} <small>${escapeHtml(at)}</small></p>`
}

function renderTable([name, items]: [string, StoredItem[]]): string {
  if (items.length === 0) return `<h3>${escapeHtml(name)}</h3><p>No items.</p>`
  return `<h3>${escapeHtml(name)}</h3>
<table>
  <tr><th>key<th>value<th>bytes<th>written<th>seconds left</tr>
  ${items.map(renderRow).join('\n  ')}
</table>`
}

const MAX_VALUE_LENGTH = 200

function renderRow({ key, value, bytes, writtenAt, secondsLeft }: StoredItem): string {
  const text = JSON.stringify(value) ?? ''
  const shown = text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text
  const cells = [key, shown, bytes ?? '', writtenAt?.toISOString() ?? '', secondsLeft ?? '']
  return `<tr>${cells.map((cell) => `<td>${escapeHtml(String(cell))}`).join('')}</tr>`
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string)
}
