// Shown for a chat that is not in the user's list: the list is still loading, the user may join the
// channel, or the chat does not exist for this user.
import { Hash } from 'lucide-react'
import { useEffect, useState } from 'react'
import { ApiError, unwrap } from '../api/client'
import type { ChatItem } from '../api/types'
import { workspaceOfChat } from '../store/elsewhere'
import { useTexts } from '../texts'
import { EmptyState } from './EmptyState'
import { FormError, useAction } from './forms'
import { useStore, useView } from './hooks'
import { go, homePath, pathInWorkspace } from './route'

export function ChatNotFound({ chatId }: { chatId: string }) {
  const t = useTexts()
  const store = useStore()
  const workspace = useView(view => view.data?.workspace.id) as string
  const [found, setFound] = useState<ChatItem | 'none' | null>(null)
  const search = useAction(async () => {
    const noneIfRefused = (error: unknown) => {
      if (error instanceof ApiError && error.status < 500) return 'none' as const
      throw error
    }
    const answer = await store.chats.fetch(chatId).catch(noneIfRefused)
    const elsewhere = answer === 'none' && (await workspaceOfChat(store.api, workspace, chatId))
    if (elsewhere) location.replace(pathInWorkspace(elsewhere))
    else setFound(answer)
  })
  const why = useView(view => view.departures.get(chatId))
  const { run } = search
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each chat
  useEffect(run, [store, chatId])
  const join = useAction(async () => {
    store.chats.add(await unwrap(store.api.POST('/api/chat/{id}/join', { params: { path: { id: chatId } } })))
  })
  const back = (
    <button type="button" className="button" onClick={() => go(homePath())}>
      {t.backToChats}
    </button>
  )
  if (search.error) {
    return (
      <div className="welcome">
        <EmptyState page title={t.messagesFailed}>
          <p>{search.error.message}</p>
          <div className="empty-state-actions">
            {back}
            <button type="button" className="button button-primary" onClick={run}>
              {t.tryAgain}
            </button>
          </div>
        </EmptyState>
      </div>
    )
  }
  // The user is a member: a page of the list or an event will add the chat.
  if (!found || (found !== 'none' && found.member)) return <div className="welcome" aria-busy="true" />
  if (found === 'none') {
    return (
      <div className="welcome">
        <EmptyState page title={why ? t.departed[why][0] : t.notHereTitle}>
          <p>{why ? t.departed[why][1] : t.notHereText}</p>
          {back}
        </EmptyState>
      </div>
    )
  }
  const { chat } = found
  return (
    <div className="welcome">
      <EmptyState
        page
        title={
          <>
            <Hash aria-hidden="true" /> <bdi>{chat.name}</bdi>
          </>
        }
      >
        {chat.description && <p dir="auto">{chat.description}</p>}
        {why && <p>{t.departed[why][1]}</p>}
        <p>{t.joinToRead(t.memberCount(chat.member_count))}</p>
        <FormError error={join.error} />
        <div className="empty-state-actions">
          {back}
          {found.may.includes('join') && (
            <button type="button" className="button button-primary" disabled={join.busy} onClick={join.run}>
              {t.join}
            </button>
          )}
        </div>
      </EmptyState>
    </div>
  )
}
