/** A promise that may be left alone: whoever does wait hears of its rejection all the same. */
export function markHandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
