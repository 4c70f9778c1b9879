/** Lets everything run that is ready: promise reactions, ticks, callbacks of the poll phase. */
export async function turns(count = 3): Promise<void> {
  for (let done = 0; done < count; done++) await new Promise((resolve) => setImmediate(resolve))
}

/** Observes the state of a promise without waiting for it. */
export function watchPromise<T>(promise: Promise<T>): { state: 'pending' | 'fulfilled' | 'rejected' } {
  const watched: { state: 'pending' | 'fulfilled' | 'rejected' } = { state: 'pending' }
  promise.then(
    () => {
      watched.state = 'fulfilled'
    },
    () => {
      watched.state = 'rejected'
    },
  )
  return watched
}
