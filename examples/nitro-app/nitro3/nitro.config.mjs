import shared from '../nitro.config.mjs'

// The same app on Nitro 3, with the same storage.
export default { ...shared, serverDir: '.' }
