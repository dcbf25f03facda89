// People by their names: `@ad` and Tab. Those who are known are offered at once, then those that the
// server finds.
import type { User } from '../../../api/types'
import { pause } from '../../../store/retry'
import { Avatar } from '../../Avatar'
import { matchScore } from '../../matchScore'
import type { Candidate, Completer, CompletionContext } from '../completer'

const OFFERED_MAX = 6
/** Debounce of the search. */
const SEARCH_MS = 150
/** The score of a name with a word that begins like what was typed. */
const BEGINS = 3

export const mention: Completer = {
  trigger: '@',
  accepts: /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._'’-]{0,30}$/u,
  label: t => t.people,
  async *find(query, context, signal) {
    const known = matching(query, context)
    yield known.map(candidate)
    await pause(SEARCH_MS, signal)
    if (signal.aborted || known.length >= OFFERED_MAX) return
    await context.store.users.search(query)
    const ids = new Set(known.map(user => user.id))
    const found = matching(query, context).filter(user => !ids.has(user.id))
    yield [...known, ...found].slice(0, OFFERED_MAX).map(candidate)
  },
}

/** Members of a small chat first. */
function matching(query: string, { store, item }: CompletionContext): User[] {
  const { data } = store.view.get()
  const members = new Set(item.chat.member_ids)
  const rank = ({ id }: User) => (members.has(id) ? 0 : 1)
  return [...(data?.users.values() ?? [])]
    .filter(user => user.active && user.id !== data?.user.id)
    .map(user => ({ user, score: matchScore(user.fullname, query) }))
    .filter(({ score }) => score >= BEGINS)
    .sort((a, b) => rank(a.user) - rank(b.user) || b.score - a.score || a.user.fullname.localeCompare(b.user.fullname))
    .slice(0, OFFERED_MAX)
    .map(({ user }) => user)
}

function candidate(user: User): Candidate {
  return {
    key: user.id,
    insert: `@${user.fullname} `,
    row: (
      <>
        <Avatar userId={user.id} size="s" />
        <span className="option-title" dir="auto">
          {user.fullname}
        </span>
      </>
    ),
  }
}
