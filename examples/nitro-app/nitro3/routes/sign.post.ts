import { defineHandler, HTTPError } from 'nitro'
import { redirect } from 'nitro/h3'
import { useStorage } from 'nitro/storage'
import { sign } from '../../app/guestbook'

export default defineHandler(async (event) => {
  const form = await event.req.formData()
  if (await sign(useStorage('guestbook') as never, form.get('name'), form.get('text'))) return redirect('/', 303)
  throw new HTTPError({ status: 400, message: 'Please enter a text.' })
})
