// writer.mjs <base>: owns a log and calls the methods of its driver that the test sends, one at a time.
import flatlogDriver from '@flatlog/unstorage'

const driver = flatlogDriver({ base: process.argv[2], durability: 'os' })

process.on('message', async ([method, ...args]) => {
  try {
    if (method === 'compact') await (await driver.getInstance()).compact()
    else await driver[method](...args)
    process.send({ done: method })
  } catch (error) {
    process.send({ error: error.message })
  }
})
process.send({ done: 'start' })
