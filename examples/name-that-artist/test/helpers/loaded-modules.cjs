// Loaded before the bot: says at its end whether discord.js is among the modules that it has loaded.
const isDiscord = (file) => /node_modules[\\/]discord\.js[\\/]/.test(file)
process.on('exit', () => {
  process.stderr.write(`discord.js was ${Object.keys(require.cache).some(isDiscord) ? 'loaded' : 'not loaded'}\n`)
})
