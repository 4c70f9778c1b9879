/** The first string behind all that start with the prefix. Prefixes here are ASCII. */
export function endOf(prefix) {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
