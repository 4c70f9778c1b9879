/** Holds up a slow disk or network in a test: awaiting `promise` waits until the test calls `open`. */
export class Gate {
  readonly promise: Promise<void>
  open: () => void = () => {}

  constructor() {
    this.promise = new Promise((resolve) => {
      this.open = resolve
    })
  }
}
