// What a system line says. The server tells what happened, and the sentence is made here.
import { useEffect } from 'react'
import type { Message } from '../../api/types'
import { useTexts } from '../../texts'
import type { Texts } from '../../texts/en'
import { UNKNOWN } from '../chats'
import { useStore, useView } from '../hooks'

/** So many names are written out if there are more people. */
const NAMES_MAX = 2

/** `messages` are of one run: all tell the same of different people. */
export function SystemText({ messages }: { messages: readonly Message[] }) {
  const t = useTexts()
  const store = useStore()
  const text = useView(view =>
    systemText(t, messages, id => view.data?.users.get(id)?.fullname ?? UNKNOWN, chatKind(view.data?.chats, messages)),
  )
  const unknown = text.includes(UNKNOWN)
  useEffect(() => {
    if (unknown) for (const id of messages.flatMap(people)) store.users.request(id)
  }, [store, messages, unknown])
  return <span dir="auto">{text}</span>
}

function chatKind(chats: ReadonlyMap<string, { chat: { kind: string } }> | undefined, [message]: readonly Message[]) {
  return message && chats?.get(message.chat_id)?.chat.kind === 'group' ? 'group' : 'channel'
}

/** Everybody whom a line names. */
function people({ sender_id, system }: Message): string[] {
  if (!system) return [sender_id]
  if (system.type === 'ownership_passed') return [sender_id, system.to]
  return 'user_ids' in system ? [sender_id, ...system.user_ids.slice(0, NAMES_MAX + 1)] : [sender_id]
}

export function systemText(
  t: Texts,
  messages: readonly Message[],
  nameOf: (userId: string) => string,
  kind: 'group' | 'channel',
): string {
  const line = messages[0]?.system
  if (!messages[0] || !line) return t.system.unknown
  // Kept apart from the text around it, whatever its direction of writing.
  const name = (id: string) => isolated(nameOf(id))
  const by = messages[0].sender_id
  const ids = [...new Set(messages.flatMap(({ system }) => (system && 'user_ids' in system ? system.user_ids : [])))]
  const who = () => {
    const all = ids.length <= NAMES_MAX + 1
    return t.system.people((all ? ids : ids.slice(0, NAMES_MAX)).map(name), all ? 0 : ids.length - NAMES_MAX)
  }
  switch (line.type) {
    case 'made':
      return t.system.made(name(by), kind)
    case 'joined':
      return ids.includes(by) ? t.system.joined(who(), ids.length) : t.system.added(name(by), who())
    case 'left':
      return ids.includes(by) ? t.system.left(who()) : t.system.removed(name(by), who())
    case 'renamed':
      return t.system.renamed(name(by), line.old_name ? isolated(line.old_name) : null, isolated(line.new_name))
    case 'ownership_passed':
      return t.system.ownershipPassed(name(by), name(line.to))
    default:
      // Of a newer server.
      return t.system.unknown
  }
}

function isolated(text: string): string {
  return `\u2068${text}\u2069`
}
