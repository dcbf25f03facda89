// What can be done to a message: one line each. The bar, the menu and the keyboard offer what is
// here, and nothing else does.
import {
  Bookmark,
  Copy,
  Link2,
  type LucideIcon,
  MessageCircle,
  MessagesSquare,
  Pencil,
  Pin,
  Reply,
  SmilePlus,
  Trash2,
} from 'lucide-react'
import type { ChatAction, Message, User } from '../../api/types'
import type { Store } from '../../store/store'
import type { Texts } from '../../texts/en'
import { copyText, showNotice } from '../CopyNotice'
import { errorSentence } from '../errors'
import { addressOf, chatPath, openChat, openPanel } from '../route'

export interface ActionContext {
  readonly message: Message
  /** Whether it is shown in its thread, and not in the main line. */
  readonly inThread: boolean
  /** Undefined until they are looked up. */
  readonly sender: User | undefined
  /** Whether the user wrote it. */
  readonly mine: boolean
  /** What the user may do in the chat. */
  readonly may: readonly ChatAction[]
  readonly store: Store
  /** Opens the picker for a reaction. */
  readonly onReact: () => void
  readonly onReply: (message: Message) => void
  readonly onEdit: (message: Message) => void
}

export interface MessageAction {
  readonly name: string
  readonly Icon: LucideIcon
  readonly text: (t: Texts, context: ActionContext) => string
  /** In the bar over the message, or in the menu that the bar opens. */
  readonly place: 'bar' | 'menu'
  /** Keys (`KeyboardEvent.key`) while the message has the focus. */
  readonly keys?: readonly string[]
  readonly may: (context: ActionContext) => boolean
  readonly run: (context: ActionContext) => unknown
  /** Asked before, for what cannot be undone. What fails then is shown with it. */
  readonly question?: (t: Texts) => { title: string; text: string }
}

const DELETE = ['Delete', 'Backspace']

// biome-ignore format: a table
export const MESSAGE_ACTIONS: readonly MessageAction[] = [
  { name: 'react', place: 'bar', Icon: SmilePlus, text: t => t.react, keys: ['+'], may: mayReact, run: react },
  { name: 'reply', place: 'bar', Icon: Reply, text: t => t.reply, keys: ['r'], may: always, run: reply },
  { name: 'thread', place: 'bar', Icon: MessagesSquare, text: t => t.replyInThread, keys: ['t'], may: isInChat, run: openThread },
  { name: 'edit', place: 'bar', Icon: Pencil, text: t => t.edit, keys: ['e'], may: isMine, run: edit },
  { name: 'save', place: 'menu', Icon: Bookmark, text: saveText, keys: ['s'], may: always, run: save },
  { name: 'pin', place: 'menu', Icon: Pin, text: pinText, keys: ['p'], may: mayPin, run: pin },
  { name: 'link', place: 'menu', Icon: Link2, text: t => t.copyLink, keys: ['l'], may: always, run: copyLink },
  { name: 'text', place: 'menu', Icon: Copy, text: t => t.copyText, may: always, run: copyBody },
  { name: 'write', place: 'menu', Icon: MessageCircle, text: writeToSender, may: isOfAnother, run: openSingle },
  { name: 'delete', place: 'menu', Icon: Trash2, text: t => t.delete, keys: DELETE, may: mayDelete, run: remove, question: deleteQuestion },
]

function always(): boolean {
  return true
}

function isInChat({ inThread }: ActionContext): boolean {
  return !inThread
}

function openThread({ message }: ActionContext): void {
  openPanel({ kind: 'thread', argument: message.root_id ?? message.id })
}

function mayReact({ may }: ActionContext): boolean {
  return may.includes('react')
}

function react({ onReact }: ActionContext): void {
  onReact()
}

function mayPin({ may }: ActionContext): boolean {
  return may.includes('pin')
}

function pinText(t: Texts, { message }: ActionContext): string {
  return message.pinned ? t.unpin : t.pin
}

function pin({ store, message }: ActionContext): Promise<void> {
  return store.messages.pin(message, !message.pinned).catch(tell)
}

function saveText(t: Texts, { message }: ActionContext): string {
  return message.saved ? t.unsaveMessage : t.saveMessage
}

function save({ store, message }: ActionContext): Promise<void> {
  return store.messages.save(message, !message.saved).catch(tell)
}

function tell(error: unknown): void {
  showNotice(errorSentence(error))
}

function isMine({ mine }: ActionContext): boolean {
  return mine
}

function isOfAnother({ mine }: ActionContext): boolean {
  return !mine
}

function mayDelete({ mine, may }: ActionContext): boolean {
  return mine || may.includes('delete_message_of_others')
}

function reply({ message, onReply }: ActionContext): void {
  onReply(message)
}

function edit({ message, onEdit }: ActionContext): void {
  onEdit(message)
}

function copyLink({ message }: ActionContext): void {
  copyText(location.origin + chatPath(addressOf(message)))
}

function copyBody({ message }: ActionContext): void {
  copyText(message.body)
}

function writeToSender(t: Texts, { sender }: ActionContext): string {
  return t.messageTo(sender?.fullname ?? t.somebody)
}

function openSingle({ store, message }: ActionContext): void {
  store.chats.openSingle(message.sender_id).then(
    chatId => openChat({ chatId }),
    () => undefined,
  )
}

function remove({ store, message }: ActionContext): Promise<void> {
  return store.messages.remove(message)
}

function deleteQuestion(t: Texts) {
  return { title: t.deleteMessageTitle, text: t.deleteMessageText }
}

/** What the user may do to a message. Nothing to one that is deleted, or that Parlor wrote. */
export function actionsOn(context: ActionContext): MessageAction[] {
  const { deleted_at, kind } = context.message
  return deleted_at || kind === 'system' ? [] : MESSAGE_ACTIONS.filter(action => action.may(context))
}

/** The action of a key that was pressed on the message. */
export function actionOfKey(key: string, context: ActionContext): MessageAction | undefined {
  return actionsOn(context).find(action => action.keys?.includes(key))
}
