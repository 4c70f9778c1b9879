import { EventEmitter } from 'node:events'

type Listener = (...args: unknown[]) => void

/** Emits `error` for failures that no call can return. The lists of listeners have the types that Keyv 6 expects. */
export class StoreEmitter extends EventEmitter {
  constructor() {
    super()
    // Every Keyv that shares a store adds a listener. There is no limit to how many do.
    this.setMaxListeners(0)
  }

  override listeners(event: string | symbol): Listener[] {
    return super.listeners(event) as Listener[]
  }

  override rawListeners(event: string | symbol): Listener[] {
    return super.rawListeners(event) as Listener[]
  }

  /** Emits a failure. Without listeners it does nothing, so that the failure does not end the process. */
  protected report(error: unknown): void {
    if (this.listenerCount('error') === 0) return
    try {
      this.emit('error', error)
    } catch (thrown) {
      // Keyv 6 listens here and rethrows the error if it has no listeners itself. The log's health() still has it.
      if (thrown !== error) throw thrown
    }
  }
}
