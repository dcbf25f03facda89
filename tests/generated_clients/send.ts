// The client that openapi-typescript and openapi-fetch make of the document signs up, makes a channel and sends a message.
import createClient from 'openapi-fetch'
import type { components, paths } from './schema.js'

const baseUrl = process.env.API
if (!baseUrl) throw new Error('API is not set')
const client = createClient<paths>({ baseUrl })

function done<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response.url}: ${JSON.stringify(answer.error)}`)
  return answer.data
}

const signUp = { workspace: 'typescript', fullname: 'Ann', email: 'ann@typescript.example', password: 'correct horse battery' }
const signedIn = done(await client.POST('/api/signup', { body: signUp }))
client.use({
  onRequest({ request }) {
    request.headers.set('authorization', `Bearer ${signedIn.access_token}`)
    return request
  },
})
const made = done(await client.POST('/api/chat', { body: { kind: 'public_channel', name: 'news' } }))
const path = { id: made.chat.id }
const sent: components['schemas']['Message'] = done(
  await client.POST('/api/chat/{id}/messages', { params: { path }, body: { body: 'from TypeScript', client_id: 'once' } }),
)
const page = done(await client.GET('/api/chat/{id}/messages', { params: { path, query: { limit: 10 } } }))
// Before it is the line that tells who made the channel.
const last = page.items.find(message => message.kind === 'user')
if (last?.id !== sent.id || last.body !== 'from TypeScript') throw new Error(JSON.stringify(page))
const refused = await client.GET('/api/chat/{id}', { params: { path: { id: '00000000-0000-7000-8000-000000000000' } } })
if (refused.error?.code !== 'not_found') throw new Error(JSON.stringify(refused.error))
console.log('TypeScript: sent and read')
