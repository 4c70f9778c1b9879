// What a Nitro app says to have its storage in Flatlog files. DATA_DIR is read when the app runs, not when it is built.
const files = { driver: '@flatlog/unstorage', base: '.data', baseEnv: 'DATA_DIR' }

export default {
  compatibilityDate: '2025-11-01',
  storage: {
    guestbook: { ...files, name: 'guestbook' },
    // Nitro keeps what cached handlers and functions return below `cache`; that may be lost in a power cut.
    cache: { ...files, name: 'cache', durability: 'os' },
  },
}
