import { openStore, type Store, type StoreOptions } from '../core.js'

/** Makes the calls that the test sends it, with one store. */
let store: Store | undefined

function opened(): Store {
  if (!store) throw new Error('no store is open')
  return store
}

const calls: Record<string, (...args: never[]) => unknown> = {
  async open(options: StoreOptions) {
    store = await openStore(options)
    return store.recovery
  },
  set: (key: string, value: unknown) => opened().set(key, value),
  async setMany(prefix: string, count: number, turns: number) {
    for (let turn = 0; turn < turns; turn++) {
      const writes = Array.from({ length: count }, (_, number) =>
        opened().set(`${prefix} ${turn * count + number}`, turn),
      )
      await Promise.all(writes)
    }
  },
  get: (key: string) => opened().get(key),
  state: () => Object.fromEntries(opened().entries()),
  health: () => ({ ok: opened().health().ok }),
  close: () => opened().close(),
}

process.on('message', async (message) => {
  const { id, name, args } = message as { id: number; name: string; args: never[] }
  try {
    process.send?.({ id, result: await calls[name]?.(...args) })
  } catch (error) {
    const { code, message: text } = error as { code?: string; message: string }
    process.send?.({ id, error: { code, message: text } })
  }
})
