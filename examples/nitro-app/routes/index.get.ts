import { defineEventHandler, setResponseHeader } from 'h3'
import { useStorage } from 'nitropack/runtime'
import { guestbookPage } from '../app/content'

export default defineEventHandler(async (event) => {
  setResponseHeader(event, 'content-type', 'text/html; charset=utf-8')
  return await guestbookPage(useStorage)
})
