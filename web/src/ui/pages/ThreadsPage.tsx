// The threads that the user follows, the one with the newest reply first.
import { useEffect, useState } from 'react'
import type { ChatItem, FollowedThread } from '../../api/types'
import { useTexts } from '../../texts'
import { Avatar } from '../Avatar'
import { ChatIcon } from '../ChatIcon'
import { fullDate, when } from '../dates'
import { EmptyState } from '../EmptyState'
import { FormError, useAction } from '../forms'
import { useChat, useChatTitle, useStore, useView } from '../hooks'
import { Link } from '../Link'
import { previewText } from '../preview'
import { chatPath } from '../route'
import { UnreadBadge } from '../UnreadBadge'
import { UserName } from '../UserName'
import { Page } from './Page'

export function ThreadsPage() {
  const t = useTexts()
  const store = useStore()
  const [items, setItems] = useState<FollowedThread[] | null>(null)
  const [hasMore, setHasMore] = useState(false)
  const load = useAction(async (after?: string) => {
    const page = await store.threads.list(after)
    setItems(now => (after && now ? [...now, ...page.items] : page.items))
    setHasMore(page.has_more)
  })
  const followed = useView(view => view.data?.threads)
  // biome-ignore lint/correctness/useExhaustiveDependencies: again when a reply came or was read
  useEffect(() => load.run(), [followed])
  return (
    <Page title={t.threads}>
      <FormError error={load.error} />
      <ul className="browse-list" aria-busy={!items}>
        {items?.map(item => (
          <ThreadEntry key={item.thread.root_id} item={item} />
        ))}
      </ul>
      {items?.length === 0 && <EmptyState title={t.noThreads}>{t.noThreadsText}</EmptyState>}
      {hasMore && (
        <button
          type="button"
          className="button button-wide"
          disabled={load.busy}
          onClick={() => load.run(items?.at(-1)?.thread.root_id)}
        >
          {t.more}
        </button>
      )}
    </Page>
  )
}

function ThreadEntry({ item }: { item: FollowedThread }) {
  const chat = useChat(item.thread.chat_id)
  return chat ? <ThreadOf chat={chat} {...item} /> : null
}

function ThreadOf({ chat, thread, root, last_reply }: FollowedThread & { chat: ChatItem }) {
  const t = useTexts()
  const title = useChatTitle(chat)
  const known = useView(view => view.data?.threads.get(thread.root_id))
  const unread = known?.unread_count ?? thread.unread_count
  const panel = { kind: 'thread', argument: thread.root_id }
  return (
    <li>
      <Link
        to={chatPath({ chatId: thread.chat_id, seq: root.seq, panel })}
        className="browse-item thread-entry"
        data-unread={unread > 0 || undefined}
      >
        <Avatar userId={root.sender_id} size="l" />
        <span className="browse-text">
          <span className="thread-entry-head">
            <ChatIcon item={chat} size="s" />
            <span dir="auto">{title}</span>
            {root.thread && (
              <time dateTime={root.thread.last_reply_at} title={fullDate(root.thread.last_reply_at)}>
                {when(root.thread.last_reply_at)}
              </time>
            )}
          </span>
          <Line message={root} className="browse-name" />
          {last_reply && <Line message={last_reply} className="browse-note" />}
          <span className="browse-note">{t.replies(root.thread?.reply_count ?? 0)}</span>
        </span>
        {unread > 0 && <UnreadBadge count={unread} />}
      </Link>
    </li>
  )
}

function Line({ message, className }: { message: FollowedThread['root']; className: string }) {
  const t = useTexts()
  return (
    <span className={`${className} thread-entry-line`} dir="auto">
      <UserName userId={message.sender_id} />: {message.deleted_at ? t.quoteDeleted : previewText(message.body)}
    </span>
  )
}
