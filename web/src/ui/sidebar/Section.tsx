// A section of the list: chats under a heading that folds them.
import { ChevronDown, Pencil } from 'lucide-react'
import { memo, type ReactNode, useId } from 'react'
import type { ChatItem } from '../../api/types'
import { conversationKey } from '../../store/conversation'
import { useTexts } from '../../texts'
import { ChatIcon } from '../ChatIcon'
import { isForMe } from '../chats'
import { useChat, useChatTitle, useHasDraft } from '../hooks'
import { Link } from '../Link'
import { chatPath, openChat } from '../route'
import { UnreadBadge } from '../UnreadBadge'
import { toggleFolded, useFolded } from './folded'

interface SectionProps {
  name: string
  title: string
  ids: readonly string[]
  chatId: string | null
  tabStop: string | undefined
  /** Buttons of the heading. */
  actions?: ReactNode
  /** What stands under the chats. */
  children?: ReactNode
}

export function Section({ name, title, ids, chatId, tabStop, actions, children }: SectionProps) {
  const folded = useFolded(name)
  const id = useId()
  return (
    <section className="sidebar-section" aria-labelledby={id}>
      <div className="sidebar-section-head">
        <h2 id={id}>
          <button type="button" className="section-fold" aria-expanded={!folded} onClick={() => toggleFolded(name)}>
            {title}
            <ChevronDown aria-hidden="true" />
          </button>
        </h2>
        {actions}
      </div>
      {/* The open chat is never out of sight. */}
      <ul>
        {ids.map(
          id =>
            (!folded || id === chatId) && (
              <ChatEntry key={id} id={id} current={id === chatId} tabStop={id === tabStop} />
            ),
        )}
      </ul>
      {!folded && children}
    </section>
  )
}

interface EntryProps {
  id: string
  current: boolean
  tabStop: boolean
}

const ChatEntry = memo(function ChatEntry({ id, ...rest }: EntryProps) {
  const item = useChat(id)
  return item ? <Entry item={item} {...rest} /> : null
})

function Entry({ item, current, tabStop }: Omit<EntryProps, 'id'> & { item: ChatItem }) {
  const t = useTexts()
  const title = useChatTitle(item)
  const chatId = item.chat.id
  const drafted = useHasDraft(conversationKey(chatId)) && !current
  const unread = item.unread_count
  const isSeen = current && document.hasFocus()
  return (
    <li>
      <Link
        to={chatPath({ chatId })}
        onFollow={() => openChat({ chatId })}
        className="entry"
        aria-current={current ? 'page' : undefined}
        tabIndex={tabStop ? 0 : -1}
        data-unread={unread > 0 ? unread : undefined}
        data-seen={isSeen || undefined}
      >
        <ChatIcon item={item} />
        <span className="entry-title" dir="auto">
          {title}
        </span>
        {item.chat.kind === 'private_channel' && <span className="visually-hidden">{t.privateChannel}</span>}
        {drafted && (
          <span className="entry-draft" title={t.draft}>
            <Pencil aria-hidden="true" />
            <span className="visually-hidden">{t.draft}</span>
          </span>
        )}
        {unread > 0 &&
          !isSeen &&
          (isForMe(item) ? <UnreadBadge count={unread} /> : <span className="visually-hidden">{t.unread}</span>)}
      </Link>
    </li>
  )
}
