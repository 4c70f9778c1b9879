// Keeps the storage of a Nitro app in Flatlog logs. DATA_DIR is read when the app runs, not when it is built.
const files = { driver: '@flatlog/unstorage', base: '.data', baseEnv: 'DATA_DIR' }

export default {
  compatibilityDate: '2025-11-01',
  storage: {
    guestbook: { ...files, name: 'guestbook' },
    // Nitro stores the results of cached handlers and functions below `cache`. A power cut may lose the latest of them.
    cache: { ...files, name: 'cache', durability: 'os' },
  },
}
