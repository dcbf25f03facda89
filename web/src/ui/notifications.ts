// Desktop notifications: of single chats and groups, while no tab is looked at, from the one tab that holds the stream.
import { useEffect } from 'react'
import { texts } from '../texts'
import { useLooking, useStore } from './hooks'
import { chatTitle } from './names'
import { plain } from './plain'
import { go } from './route'

const KEY = 'parlor.notify'
/** Held by every tab that is looked at. */
const LOOKING = 'parlor-looking'
const BODY_MAX = 200
export const supported = 'Notification' in window

export function wanted(): boolean {
  return supported && Notification.permission === 'granted' && localStorage.getItem(KEY) === 'yes'
}

/** Resolves with whether it is on now: the browser may refuse. */
export async function setWanted(on: boolean): Promise<boolean> {
  if (on && (await Notification.requestPermission()) === 'granted') localStorage.setItem(KEY, 'yes')
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
        if (!wanted() || (await isLookedAtAnywhere())) return
        const { data } = store.view.get()
        const item = data?.chats.get(message.chat_id)
        if (!data || !item || (item.chat.kind !== 'single' && item.chat.kind !== 'group')) return
        const known = await store.people.find(message.sender_id).catch(() => undefined)
        const sender = known?.fullname ?? texts().somebody
        const title =
          item.chat.kind === 'single'
            ? sender
            : texts().notificationIn(sender, chatTitle(item, data.user.id, data.users))
        const body = plain(message.body).slice(0, BODY_MAX)
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
