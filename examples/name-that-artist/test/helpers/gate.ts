/** Delays a disk or network in a test: `promise` resolves when the test calls `open`. */
export class Gate {
  readonly promise: Promise<void>
  open: () => void = () => {}

  constructor() {
    this.promise = new Promise((resolve) => {
      this.open = resolve
    })
  }
}
