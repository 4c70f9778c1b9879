export type { Capabilities } from './capabilities.js'
export { createKeyvFlatlog } from './create.js'
export {
  type DeletedMany,
  KeyvFlatlog,
  KeyvFlatlog as default,
  type SetMany,
  type SetManyItem,
  type StoredValue,
} from './keyv-flatlog.js'
export type { KeyvFlatlogOptions } from './options.js'
export type { Protocol } from './protocol.js'
