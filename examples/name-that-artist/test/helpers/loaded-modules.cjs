// Loaded before the bot with --require. Prints at the end whether the bot has loaded discord.js.
const isDiscord = (file) => /node_modules[\\/]discord\.js[\\/]/.test(file)
process.on('exit', () => {
  process.stderr.write(`discord.js was ${Object.keys(require.cache).some(isDiscord) ? 'loaded' : 'not loaded'}\n`)
})
