export { type FlatlogDriver, flatlogDriver, flatlogDriver as default } from './driver.js'
export { DRIVER_NAME, type FlatlogDriverError } from './errors.js'
export type { FlatlogDriverOptions } from './options.js'
