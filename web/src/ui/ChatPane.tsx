// The open chat: its header, messages and composer.
import { ArrowLeft, Ellipsis, LogOut, Pencil, Pin, Trash2, Users } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useEffect, useState } from 'react'
import { unwrap } from '../api/client'
import type { ChatItem } from '../api/types'
import { conversationKey } from '../store/conversation'
import { useTexts } from '../texts'
import { ChatIcon } from './ChatIcon'
import { ChatNotFound } from './ChatNotFound'
import { Composer } from './composer/Composer'
import { ConfirmDialog } from './Dialog'
import { EditChat } from './dialogs/EditChat'
import { useChat, useChatTitle, useStore } from './hooks'
import { IconButton } from './IconButton'
import { LiveRegion } from './LiveRegion'
import { MenuContent } from './Menu'
import { panelButton } from './panels'
import { go, goUp, homePath, type PanelAddress } from './route'
import { Timeline } from './timeline/Timeline'
import { useWriting } from './useWriting'

interface ChatPaneProps {
  chatId: string
  seq: number | undefined
  /** The open panel. */
  panel: PanelAddress | null
}

export function ChatPane({ chatId, seq, panel }: ChatPaneProps) {
  const item = useChat(chatId)
  const conversation = conversationKey(chatId)
  const store = useStore()
  const { textarea, onReply, onEdit, lastOwnMessage } = useWriting(conversation)
  const isMine = item !== undefined
  useEffect(() => {
    if (!isMine) return
    store.show(chatId)
    return () => store.show(null)
  }, [store, chatId, isMine])
  if (!item) return <ChatNotFound chatId={chatId} />
  return (
    <div className="chat">
      <ChatHead item={item} panel={panel} />
      <LiveRegion conversation={conversation} item={item} />
      <Timeline conversation={conversation} item={item} seq={seq} onReply={onReply} onEdit={onEdit} />
      <Composer conversation={conversation} item={item} textarea={textarea} lastOwnMessage={lastOwnMessage} />
    </div>
  )
}

function ChatHead({ item, panel }: { item: ChatItem; panel: PanelAddress | null }) {
  const t = useTexts()
  const store = useStore()
  const title = useChatTitle(item)
  const [asking, setAsking] = useState<'leave' | 'delete' | 'edit' | null>(null)
  const { chat, may } = item
  const [mayUpdate, mayLeave, mayDelete] = [may.includes('update'), may.includes('leave'), may.includes('delete')]
  return (
    <>
      <header className="chat-head">
        <IconButton label={t.backToList} className="only-phone" onClick={() => goUp(homePath())}>
          <ArrowLeft />
        </IconButton>
        <span className="chat-head-icon">
          <ChatIcon item={item} size="m" />
        </span>
        <div className="chat-head-text">
          <h1 dir="auto">{title}</h1>
          {chat.description && <p dir="auto">{chat.description}</p>}
        </div>
        <button type="button" className="members-button" {...panelButton('members', panel)}>
          <Users aria-hidden="true" />
          <span aria-hidden="true">{chat.member_count}</span>
          <span className="visually-hidden">{t.memberCount(chat.member_count)}</span>
        </button>
        <button type="button" className="pins-button" title={t.pinned} {...panelButton('pins', panel)}>
          <Pin aria-hidden="true" />
          <span className="visually-hidden">{t.pinned}</span>
        </button>
        {(mayUpdate || mayLeave || mayDelete) && (
          <DropdownMenu.Root modal={false}>
            <DropdownMenu.Trigger asChild>
              <IconButton label={t.moreAboutChat}>
                <Ellipsis />
              </IconButton>
            </DropdownMenu.Trigger>
            <MenuContent align="end" sideOffset={4}>
              {mayUpdate && (
                <DropdownMenu.Item className="menu-item" onSelect={() => setAsking('edit')}>
                  <Pencil /> {t.rename}
                </DropdownMenu.Item>
              )}
              {mayLeave && (
                <DropdownMenu.Item className="menu-item" onSelect={() => setAsking('leave')}>
                  <LogOut /> {t.leave}
                </DropdownMenu.Item>
              )}
              {mayDelete && (
                <DropdownMenu.Item className="menu-item menu-item-danger" onSelect={() => setAsking('delete')}>
                  <Trash2 /> {t.deleteForAll}
                </DropdownMenu.Item>
              )}
            </MenuContent>
          </DropdownMenu.Root>
        )}
      </header>
      {asking === 'edit' && <EditChat item={item} onClose={() => setAsking(null)} />}
      {asking === 'leave' && (
        <ConfirmDialog
          title={t.leaveTitle(title)}
          text={chat.kind === 'public_channel' ? t.leavePublic : t.leaveOther}
          action={t.leave}
          onClose={() => setAsking(null)}
          onConfirm={async () => {
            await unwrap(store.api.POST('/api/chat/{id}/leave', { params: { path: { id: chat.id } } }))
            go(homePath(), true)
          }}
        />
      )}
      {asking === 'delete' && (
        <ConfirmDialog
          title={t.deleteChatTitle(title)}
          text={t.deleteChatText}
          action={t.delete}
          onClose={() => setAsking(null)}
          onConfirm={async () => {
            await unwrap(store.api.DELETE('/api/chat/{id}', { params: { path: { id: chat.id } } }))
            go(homePath(), true)
          }}
        />
      )}
    </>
  )
}
