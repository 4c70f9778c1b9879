import { EventEmitter } from 'node:events'

type Listener = (...args: unknown[]) => void

/** The events of a store: `error`, for what no call returns. Its lists are typed as Keyv 6 types them. */
export class StoreEmitter extends EventEmitter {
  constructor() {
    super()
    // Every Keyv that shares a store object listens to it, however many they are.
    this.setMaxListeners(0)
  }

  override listeners(event: string | symbol): Listener[] {
    return super.listeners(event) as Listener[]
  }

  override rawListeners(event: string | symbol): Listener[] {
    return super.rawListeners(event) as Listener[]
  }

  /** Tells who listens about a failure. It must not end the process where nobody does. */
  protected report(error: unknown): void {
    if (this.listenerCount('error') === 0) return
    try {
      this.emit('error', error)
    } catch (thrown) {
      // Keyv 6 listens here, and throws the same error where nobody listens to Keyv. The log's health keeps it.
      if (thrown !== error) throw thrown
    }
  }
}
