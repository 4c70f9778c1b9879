import { defineEventHandler, readBody, sendRedirect, setResponseStatus } from 'h3'
import { useStorage } from 'nitropack/runtime'
import { sign } from '../app/guestbook'

export default defineEventHandler(async (event) => {
  const { name, text } = (await readBody(event)) ?? {}
  if (await sign(useStorage('guestbook'), name, text)) return await sendRedirect(event, '/', 303)
  setResponseStatus(event, 400)
  return 'Please enter a text.'
})
