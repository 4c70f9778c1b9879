export { createKeyvFlatlog } from './create.js'
export type { AnyKeyv } from './import/between-keyvs.js'
export type { AnyStore } from './import/between-stores.js'
export type { ImportOptions, ImportProgress, ImportResult } from './import/copy.js'
export { importKeyv } from './import/import-keyv.js'
export {
  type DeletedMany,
  KeyvFlatlog,
  KeyvFlatlog as default,
  type SetMany,
  type SetManyItem,
  type StoredValue,
} from './keyv-flatlog.js'
export type { KeyvFlatlogOptions } from './options.js'
export type { Capabilities, Protocol } from './protocol.js'
