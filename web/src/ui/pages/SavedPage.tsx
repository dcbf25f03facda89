// What the user keeps for later, the last saved first.
import { BookmarkX } from 'lucide-react'
import { useEffect } from 'react'
import { useTexts } from '../../texts'
import { ChatTitle } from '../ChatTitle'
import { EmptyState } from '../EmptyState'
import { FormError, useAction } from '../forms'
import { useStore, useView } from '../hooks'
import { IconButton } from '../IconButton'
import { MessageCard } from '../MessageCard'
import { Page, SearchFoot } from './Page'

export function SavedPage() {
  const t = useTexts()
  const store = useStore()
  const saved = useView(view => view.saved)
  const chats = useView(view => view.data?.chats)
  const load = useAction(() => store.saved.open())
  const more = useAction(() => store.saved.more())
  const remove = useAction((id: string) => store.saved.remove(id))
  // biome-ignore lint/correctness/useExhaustiveDependencies: once
  useEffect(() => {
    load.run()
    return () => store.saved.close()
  }, [store])
  const removeButton = (id: string) => (
    <IconButton label={t.unsaveMessage} className="icon-button-s" onClick={() => remove.run(id)}>
      <BookmarkX />
    </IconButton>
  )
  return (
    <Page title={t.savedMessages}>
      <FormError error={remove.error ?? more.error ?? load.error} />
      {saved?.items.length === 0 && <EmptyState title={t.nothingSaved}>{t.nothingSavedText}</EmptyState>}
      <ul className="card-list" aria-busy={!saved}>
        {saved?.items.map(({ message_id, chat_id, message }) => {
          const item = chats?.get(chat_id)
          return message ? (
            <MessageCard key={message_id} message={message} about={item ? <ChatTitle item={item} /> : '…'}>
              {removeButton(message_id)}
            </MessageCard>
          ) : (
            <li key={message_id} className="card">
              <div className="card-row">
                <p className="card-gone">{t.savedGone}</p>
                {removeButton(message_id)}
              </div>
            </li>
          )
        })}
      </ul>
      <SearchFoot search={{ retry: load.error ? load.run : null, hasMore: saved?.hasMore === true, more }} />
    </Page>
  )
}
