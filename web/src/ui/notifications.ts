// Desktop notifications: of what one wants to be told of, while no tab is looked at, from the one tab that holds the stream.
import { useEffect } from 'react'
import { texts } from '../texts'
import { chatTitle, isChannel } from './chats'
import { useLooking, useStore } from './hooks'
import { isMentioned } from './mentions'
import { previewText } from './preview'
import { go } from './route'

const KEY = 'parlor.notify'
/** Held by every tab that is looked at. */
const LOOKING = 'parlor-looking'
const BODY_MAX = 200
export const supported = 'Notification' in window

/** `direct`: of single chats, groups, and whatever names me. */
export const TELLING = ['none', 'direct', 'all'] as const
export type Telling = (typeof TELLING)[number]

export function wanted(): Telling {
  if (!supported || Notification.permission !== 'granted') return 'none'
  const saved = localStorage.getItem(KEY)
  return saved === 'direct' || saved === 'all' ? saved : 'none'
}

/** Resolves with what holds now: the browser may refuse. */
export async function setWanted(telling: Telling): Promise<Telling> {
  if (telling !== 'none' && (await Notification.requestPermission()) === 'granted') localStorage.setItem(KEY, telling)
  else localStorage.removeItem(KEY)
  return wanted()
}

export function useNotifications(): void {
  const store = useStore()
  const looking = useLooking()
  useEffect(() => {
    if (!looking || !('locks' in navigator)) return
    let leave = () => {}
    const away = new Promise<void>(resolve => {
      leave = resolve
    })
    void navigator.locks.request(LOOKING, { mode: 'shared' }, () => away)
    return leave
  }, [looking])

  useEffect(
    () =>
      store.onMessage(async message => {
        const telling = wanted()
        if (telling === 'none' || (await isLookedAtAnywhere())) return
        const { data } = store.view.get()
        const item = data?.chats.get(message.chat_id)
        if (!data || !item) return
        if (telling === 'direct' && isChannel(item) && !isMentioned(message.body, data.user.fullname)) return
        const known = await store.people.find(message.sender_id).catch(() => undefined)
        const sender = known?.fullname ?? texts().somebody
        const title =
          item.chat.kind === 'single'
            ? sender
            : texts().notificationIn(sender, chatTitle(item, data.user.id, data.users))
        const body = previewText(message.body).slice(0, BODY_MAX)
        const note = show(title, { body, tag: message.chat_id })
        if (!note) return
        note.onclick = () => {
          window.focus()
          go(`/c/${message.chat_id}`)
          note.close()
        }
      }),
    [store],
  )
}

/** Under the tag of its chat, so the newest takes the place of the one before. Undefined where only a service worker may (Android). */
function show(title: string, options: NotificationOptions): Notification | undefined {
  try {
    return new Notification(title, options)
  } catch {
    return undefined
  }
}

async function isLookedAtAnywhere(): Promise<boolean> {
  if (!('locks' in navigator)) return document.hasFocus()
  const { held } = await navigator.locks.query()
  return held?.some(lock => lock.name === LOOKING) ?? false
}
