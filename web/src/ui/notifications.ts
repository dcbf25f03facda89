// Desktop notifications: of single chats and groups, while no tab is looked at, from the one tab that holds the stream.
import { useEffect } from 'react'
import { texts } from '../texts'
import { useStore } from './hooks'
import { chatTitle } from './names'
import { plain } from './plain'
import { go } from './route'

const KEY = 'parlor.notify'
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
  useEffect(
    () =>
      store.onMessage(message => {
        const { data } = store.get()
        const item = data?.chats.get(message.chat_id)
        if (!data || !item || !wanted() || document.hasFocus()) return
        if (item.chat.kind !== 'single' && item.chat.kind !== 'group') return
        const sender = data.users.get(message.sender_id)?.fullname ?? ''
        const title =
          item.chat.kind === 'single'
            ? sender
            : texts().notificationIn(sender, chatTitle(item, data.user.id, data.users))
        const note = new Notification(title, { body: plain(message.body).slice(0, 200), tag: message.chat_id })
        note.onclick = () => {
          window.focus()
          go(`/c/${message.chat_id}`)
          note.close()
        }
      }),
    [store],
  )
}
