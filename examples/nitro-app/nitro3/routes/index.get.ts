import { defineHandler } from 'nitro'
import { useStorage } from 'nitro/storage'
import { guestbookPage } from '../../app/content'

export default defineHandler(async () => {
  const headers = { 'content-type': 'text/html; charset=utf-8' }
  return new Response(await guestbookPage(useStorage as never), { headers })
})
