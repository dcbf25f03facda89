// Channels by their names: `#gen` and Tab. Those that the user is in.
import { ChatIcon } from '../../ChatIcon'
import { isChannel } from '../../chats'
import { matchScore } from '../../matchScore'
import type { Completer } from '../completer'

const OFFERED_MAX = 6
/** The score of a name with a word that begins like what was typed. */
const BEGINS = 3

export const channel: Completer = {
  trigger: '#',
  accepts: /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._'’-]{0,30}$/u,
  label: t => t.channels,
  async *find(query, { store }) {
    const { data } = store.view.get()
    yield [...(data?.chats.values() ?? [])]
      .filter(isChannel)
      .map(item => ({ item, name: item.chat.name ?? '' }))
      .map(found => ({ ...found, score: matchScore(found.name, query) }))
      .filter(({ score }) => score >= BEGINS)
      .sort((a, b) => b.score - a.score || a.name.length - b.name.length || a.name.localeCompare(b.name))
      .slice(0, OFFERED_MAX)
      .map(({ item, name }) => ({
        key: item.chat.id,
        insert: `#${name} `,
        row: (
          <>
            <ChatIcon item={item} />
            <span className="option-title" dir="auto">
              {name}
            </span>
          </>
        ),
      }))
  },
}
