// A section of the sidebar: chats under a heading.
import { Pencil } from 'lucide-react'
import { memo, type ReactNode } from 'react'
import type { ChatItem } from '../../api/types'
import { conversationKey } from '../../store/conversation'
import { useTexts } from '../../texts'
import { ChatIcon } from '../ChatIcon'
import { useChatTitle, useHasDraft } from '../hooks'
import { chatPath, openChat } from '../route'
import { UnreadBadge } from '../UnreadBadge'

interface SectionProps {
  title: string
  items: ChatItem[]
  chatId: string | null
  tabStop: string | undefined
  children: ReactNode
}

export function Section({ title, items, chatId, tabStop, children }: SectionProps) {
  const t = useTexts()
  return (
    <section className="sidebar-section">
      <div className="sidebar-section-head">
        <h2>{title}</h2>
        {children}
      </div>
      {items.length === 0 ? (
        <p className="sidebar-none">{t.nothingYet}</p>
      ) : (
        <ul>
          {items.map(item => (
            <ChatEntry
              key={item.chat.id}
              item={item}
              current={item.chat.id === chatId}
              tabStop={item.chat.id === tabStop}
            />
          ))}
        </ul>
      )}
    </section>
  )
}

interface ChatEntryProps {
  item: ChatItem
  current: boolean
  tabStop: boolean
}

const ChatEntry = memo(function ChatEntry({ item, current, tabStop }: ChatEntryProps) {
  const t = useTexts()
  const title = useChatTitle(item)
  const drafted = useHasDraft(conversationKey(item.chat.id)) && !current
  const unread = current && document.hasFocus() ? 0 : item.unread_count
  return (
    <li>
      <a
        href={chatPath({ chatId: item.chat.id })}
        className="entry"
        aria-current={current ? 'page' : undefined}
        tabIndex={tabStop ? 0 : -1}
        data-unread={unread > 0 || undefined}
        onClick={event => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return
          event.preventDefault()
          openChat({ chatId: item.chat.id })
        }}
      >
        <ChatIcon item={item} />
        <span className="entry-title" dir="auto">
          {title}
        </span>
        {drafted && (
          <span className="entry-draft" title={t.draft}>
            <Pencil aria-hidden="true" />
            <span className="visually-hidden">{t.draft}</span>
          </span>
        )}
        {unread > 0 && <UnreadBadge count={unread} />}
      </a>
    </li>
  )
})
