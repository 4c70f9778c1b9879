/** Runs the task for every item, some at a time. After a failure nothing new begins, and it waits for what is under way. */
export async function inParallel<Item>(
  items: readonly Item[],
  atATime: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { error: unknown } | undefined
  const worker = async () => {
    while (next < items.length && failure === undefined) {
      const item = items[next++] as Item
      try {
        await task(item)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, worker))
  if (failure !== undefined) throw failure.error
}
