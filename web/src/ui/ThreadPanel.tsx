// The panel with a thread: the message that it is about, the replies, and where to write one.
import { Bell, BellOff } from 'lucide-react'
import { conversationKey } from '../store/conversation'
import { useTexts } from '../texts'
import { showNotice } from './CopyNotice'
import { Composer } from './composer/Composer'
import { errorSentence } from './errors'
import { useQuoted, useStore, useView } from './hooks'
import { IconButton } from './IconButton'
import { LiveRegion } from './LiveRegion'
import { Panel, type PanelProps } from './Panel'
import { Timeline } from './timeline/Timeline'
import { useWriting } from './useWriting'

/** The argument of the panel: the id of the root, and the number of a reply to go to. */
function parse(argument: string | null): { rootId: string; no: number | undefined } {
  const [rootId = '', no] = (argument ?? '').split('/')
  const number = Number(no)
  return { rootId, no: Number.isInteger(number) && number > 0 ? number : undefined }
}

export function ThreadPanel({ item, argument }: PanelProps) {
  const t = useTexts()
  const store = useStore()
  const { rootId, no } = parse(argument)
  const conversation = conversationKey(item.chat.id, rootId)
  const following = useView(view => view.data?.threads.has(rootId) ?? false)
  const root = useQuoted(conversation, rootId)
  const { textarea, onReply, onEdit, lastOwnMessage } = useWriting(conversation)
  const follow = () => {
    const to = { chat_id: item.chat.id, id: rootId }
    store.threads.follow(to, !following).catch((error: unknown) => showNotice(errorSentence(error)))
  }
  const isThere = root?.thread !== undefined
  return (
    <Panel
      title={t.thread}
      closeLabel={t.closeThread}
      actions={
        isThere && (
          <IconButton label={following ? t.unfollowThread : t.followThread} aria-pressed={following} onClick={follow}>
            {following ? <Bell /> : <BellOff />}
          </IconButton>
        )
      }
    >
      {root === null ? (
        <p className="panel-note">{t.threadGone}</p>
      ) : (
        <div className="thread" key={conversation}>
          <LiveRegion conversation={conversation} item={item} />
          <Timeline conversation={conversation} item={item} seq={no} onReply={onReply} onEdit={onEdit} />
          {root && !root.deleted_at && (
            <Composer conversation={conversation} item={item} textarea={textarea} lastOwnMessage={lastOwnMessage} />
          )}
        </div>
      )}
    </Panel>
  )
}
