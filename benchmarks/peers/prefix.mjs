/** Returns the first string after all strings with the prefix. The prefixes are ASCII. */
export function endOf(prefix) {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
