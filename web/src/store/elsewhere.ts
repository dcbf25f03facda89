// Which of the account's other workspaces a chat is in, for a link that names none or the wrong one.
import { type Api, ApiError, connectApi, unwrap } from '../api/client'

/** So many workspaces are asked. */
const ASKED_MAX = 20

/** Null if no other workspace shows the chat to the account. */
export async function workspaceOfChat(api: Api, own: string, chatId: string): Promise<string | null> {
  const { items } = await unwrap(api.GET('/api/workspaces'))
  for (const { id } of items.filter(item => item.id !== own).slice(0, ASKED_MAX)) {
    try {
      const { access_token } = await unwrap(api.POST('/api/workspaces/{id}/token', { params: { path: { id } } }))
      const there = connectApi({ token: async () => access_token })
      await unwrap(there.GET('/api/chat/{id}', { params: { path: { id: chatId } } }))
      return id
    } catch (error) {
      if (!(error instanceof ApiError) || error.isTemporary) throw error
    }
  }
  return null
}
