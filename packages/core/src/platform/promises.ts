/** Marks a promise as handled, so that an ignored rejection does not end the process. Awaiting it still throws. */
export function markHandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
