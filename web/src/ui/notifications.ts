// Desktop notifications, at the level that the user chose. The tab that holds the stream shows
// them, and only while no tab of this client is active.
import { useEffect } from 'react'
import { conversationOf, isInMainLine } from '../store/conversation'
import { deviceStorage } from '../store/storage'
import { texts } from '../texts'
import { chatTitle, isChannel } from './chats'
import { usePageActive, useStore } from './hooks'
import { isMentioned } from './mentions'
import { previewText } from './preview'
import { addressOf, chatPath, go } from './route'

const KEY = 'parlor.notify'
/** A shared lock that every active tab holds, so that the others know. */
const ACTIVE_LOCK = 'parlor-looking'
const BODY_MAX = 200
export const supported = 'Notification' in window

/** `direct`: messages in single chats and groups, and messages that mention the user. */
export const NOTIFICATION_LEVELS = ['none', 'direct', 'all'] as const
export type NotificationLevel = (typeof NOTIFICATION_LEVELS)[number]

export function notificationLevel(): NotificationLevel {
  if (!supported || Notification.permission !== 'granted') return 'none'
  const saved = deviceStorage.get(KEY)
  return saved === 'direct' || saved === 'all' ? saved : 'none'
}

/** Resolves with the level that applies now: the browser may deny permission. */
export async function setNotificationLevel(level: NotificationLevel): Promise<NotificationLevel> {
  if (level !== 'none' && (await Notification.requestPermission()) === 'granted') deviceStorage.set(KEY, level)
  else deviceStorage.remove(KEY)
  return notificationLevel()
}

export function useNotifications(): void {
  const store = useStore()
  const pageActive = usePageActive()
  useEffect(() => {
    if (!pageActive || !('locks' in navigator)) return
    let release = () => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    navigator.locks.request(ACTIVE_LOCK, { mode: 'shared' }, () => released).catch(() => undefined)
    return release
  }, [pageActive])

  useEffect(
    () =>
      store.onMessage(async message => {
        const level = notificationLevel()
        if (level === 'none' || (await isAnyTabActive())) return
        const { data } = store.view.get()
        const item = data?.chats.get(message.chat_id)
        if (!data || !item) return
        const isMine = isMentioned(message.body, data.user.fullname) || data.threads.has(message.root_id ?? '')
        // Of a thread that the user does not follow, what mentions them alone.
        if (!isMine && ((level === 'direct' && isChannel(item)) || !isInMainLine(message))) return
        const known = await store.users.find(message.sender_id).catch(() => undefined)
        const sender = known?.fullname ?? texts().somebody
        const title =
          item.chat.kind === 'single'
            ? sender
            : texts().notificationIn(sender, chatTitle(item, data.user.id, data.users))
        const body = previewText(message.body).slice(0, BODY_MAX)
        const to = isInMainLine(message) ? { chatId: message.chat_id } : addressOf(message)
        show(title, { body, tag: conversationOf(message) }, chatPath(to))
      }),
    [store],
  )
}

/**
 * Shows a notification that leads to an address of the client. It replaces the one before with the
 * same tag. Where only the service worker may show it (Android), that also opens the address.
 */
function show(title: string, options: NotificationOptions, path: string): void {
  try {
    const notification = new Notification(title, options)
    notification.onclick = () => {
      window.focus()
      go(path)
      notification.close()
    }
  } catch {
    navigator.serviceWorker
      ?.getRegistration()
      .then(registration => registration?.showNotification(title, { ...options, data: { url: path } }))
      .catch(() => undefined)
  }
}

async function isAnyTabActive(): Promise<boolean> {
  if (!('locks' in navigator)) return document.hasFocus()
  const query = await navigator.locks.query().catch(() => null)
  return query?.held?.some(lock => lock.name === ACTIVE_LOCK) ?? document.hasFocus()
}
