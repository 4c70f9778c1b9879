// Loaded with --require: refuses connections to other machines.
const net = require('node:net')

const connect = net.Socket.prototype.connect

net.Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args
  const host = typeof options === 'object' ? options.host : typeof args[1] === 'string' ? args[1] : undefined
  const isPath = typeof options === 'string' || options?.path !== undefined
  if (!isPath && host !== undefined && !['localhost', '127.0.0.1', '::1'].includes(host)) {
    throw Object.assign(new Error(`The test has no network access: ${host}`), { code: 'ENETUNREACH' })
  }
  return connect.apply(this, args)
}
