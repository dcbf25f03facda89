// A chat that is not in my list: still on its way, one that I could join, or none that I may see.
import { Hash } from 'lucide-react'
import { useEffect, useState } from 'react'
import { answer, Refused } from '../api/client'
import type { ChatItem } from '../api/types'
import { useTexts } from '../texts'
import { EmptyState } from './EmptyState'
import { FormError, useAction } from './forms'
import { useStore } from './hooks'
import { go } from './route'

export function NotHere({ chatId }: { chatId: string }) {
  const t = useTexts()
  const store = useStore()
  const [found, setFound] = useState<ChatItem | 'nothing' | null>(null)
  const look = useAction(async () => {
    const missing = (error: unknown) => {
      if (error instanceof Refused && error.status < 500) return 'nothing' as const
      throw error
    }
    setFound(await store.wantChat(chatId).catch(missing))
  })
  const { run } = look
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each chat
  useEffect(run, [store, chatId])
  const join = useAction(async () => {
    store.addChat(await answer(store.api.POST('/api/chat/{id}/join', { params: { path: { id: chatId } } })))
  })
  const back = (
    <button type="button" className="button" onClick={() => go('/')}>
      {t.backToChats}
    </button>
  )
  if (look.error) {
    return (
      <div className="welcome">
        <EmptyState page title={t.messagesFailed}>
          <p>{look.error.message}</p>
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
  // Mine: it comes with a page or an event any moment.
  if (!found || (found !== 'nothing' && found.member)) return <div className="welcome" aria-busy="true" />
  if (found === 'nothing') {
    return (
      <div className="welcome">
        <EmptyState page title={t.notHereTitle}>
          <p>{t.notHereText}</p>
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
