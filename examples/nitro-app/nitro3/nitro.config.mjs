import shared from '../nitro.config.mjs'

// The same app on Nitro 3: what it says of the storage is the same.
export default { ...shared, serverDir: '.' }
