import { Crown, UserMinus, UserPlus, X } from 'lucide-react'
import { useCallback, useEffect, useState } from 'react'
import { answer } from '../api/client'
import type { ChatItem, Member } from '../api/types'
import { Avatar, IconButton, Name } from './bits'
import { AddMembers } from './dialogs'
import { useMe, useStore } from './hooks'

export function MembersPanel({ item, onClose }: { item: ChatItem; onClose: () => void }) {
  const store = useStore()
  const me = useMe()
  const { id, kind, member_count } = item.chat
  const [members, setMembers] = useState<Member[]>([])
  const [after, setAfter] = useState<string | null>(null)
  const [adding, setAdding] = useState(false)
  const [trouble, setTrouble] = useState('')
  const owner = item.chat.owner_id === me.id

  const load = useCallback(
    async (from?: string) => {
      const query = from ? { after: from, limit: 100 } : { limit: 100 }
      const page = await answer(store.api.GET('/api/chat/{id}/members', { params: { path: { id }, query } }))
      setMembers(now => (from ? [...now, ...page.items] : page.items))
      setAfter(page.has_more ? (page.items.at(-1)?.user_id ?? null) : null)
    },
    [store, id],
  )
  // biome-ignore lint/correctness/useExhaustiveDependencies: anew when somebody came, went or took over
  useEffect(() => {
    load().catch(() => setTrouble('The members could not be loaded.'))
  }, [load, member_count, item.chat.owner_id])

  const act = async (work: Promise<unknown>) => {
    setTrouble('')
    await work.then(() => load()).catch(error => setTrouble(error instanceof Error ? error.message : String(error)))
  }
  const remove = (userId: string) =>
    act(answer(store.api.DELETE('/api/chat/{id}/members/{member_id}', { params: { path: { id, member_id: userId } } })))
  const handOver = (userId: string) =>
    act(
      answer(
        store.api.PATCH('/api/chat/{id}/members/{member_id}', {
          params: { path: { id, member_id: userId } },
          body: { role: 'owner' },
        }),
      ),
    )

  return (
    <aside className="members" aria-label="Members">
      <header className="members-head">
        <h2>Members</h2>
        {kind !== 'single' && (
          <IconButton label="Add people" onClick={() => setAdding(true)}>
            <UserPlus />
          </IconButton>
        )}
        <IconButton label="Close members" onClick={onClose}>
          <X />
        </IconButton>
      </header>
      {trouble && (
        <p className="form-trouble" role="alert">
          {trouble}
        </p>
      )}
      <ul className="members-list">
        {members.map(member => (
          <li key={member.user_id} className="member">
            <Avatar userId={member.user_id} size="m" />
            <span className="member-name">
              <Name userId={member.user_id} />
              {member.user_id === me.id && <span className="member-you"> you</span>}
            </span>
            {member.role === 'owner' && <span className="tag">Owner</span>}
            {owner && member.user_id !== me.id && (
              <span className="member-actions">
                <IconButton label="Make owner" className="icon-button-s" onClick={() => void handOver(member.user_id)}>
                  <Crown />
                </IconButton>
                <IconButton label="Remove" className="icon-button-s" onClick={() => void remove(member.user_id)}>
                  <UserMinus />
                </IconButton>
              </span>
            )}
          </li>
        ))}
      </ul>
      {after && (
        <button type="button" className="button" onClick={() => void load(after)}>
          More
        </button>
      )}
      {adding && (
        <AddMembers
          item={item}
          without={members.map(member => member.user_id)}
          onClose={() => setAdding(false)}
          onDone={() => void load()}
        />
      )}
    </aside>
  )
}
