/** Something slow, such as a disk or a network: what waits for `promise` goes on when the test calls `release`. */
export class Gate {
  readonly promise: Promise<void>
  release: () => void = () => {}

  constructor() {
    this.promise = new Promise((resolve) => {
      this.release = resolve
    })
  }
}
