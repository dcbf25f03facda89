// The panel with the members of a chat, and the actions on them.
import { Crown, UserMinus, UserPlus } from 'lucide-react'
import { useEffect, useState } from 'react'
import { unwrap } from '../api/client'
import type { Member } from '../api/types'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { ConfirmDialog } from './Dialog'
import { AddMembers } from './dialogs/AddMembers'
import { FormError, useAction } from './forms'
import { useMe, useStore, useView } from './hooks'
import { IconButton } from './IconButton'
import { Panel, type PanelProps } from './Panel'
import { UserMenu } from './UserMenu'
import { UserName } from './UserName'

const PAGE = 100

export function MembersPanel({ item }: PanelProps) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const { id, member_count } = item.chat
  const [members, setMembers] = useState<Member[]>([])
  const [after, setAfter] = useState<string | null>(null)
  const [adding, setAdding] = useState(false)
  const [asking, setAsking] = useState<{ what: 'remove' | 'hand over'; userId: string } | null>(null)
  const users = useView(view => view.data?.users)
  const nameOf = (userId: string) => users?.get(userId)?.fullname ?? '…'
  const [mayAdd, mayRemove] = [item.may.includes('add_members'), item.may.includes('remove_members')]
  const mayHandOver = item.may.includes('transfer_ownership')

  const load = useAction(async (from?: string) => {
    const query = from ? { after: from, limit: PAGE } : { limit: PAGE }
    const page = await unwrap(store.api.GET('/api/chat/{id}/members', { params: { path: { id }, query } }))
    setMembers(now => (from ? [...now, ...page.items] : page.items))
    setAfter(page.has_more ? (page.items.at(-1)?.user_id ?? null) : null)
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: again when the members or the owner changed
  useEffect(() => load.run(), [store, id, member_count, item.chat.owner_id])

  const remove = async (userId: string) => {
    const path = { id, member_id: userId }
    await unwrap(store.api.DELETE('/api/chat/{id}/members/{member_id}', { params: { path } }))
    load.run()
  }
  const handOver = async (userId: string) => {
    const path = { id, member_id: userId }
    await unwrap(store.api.PATCH('/api/chat/{id}/members/{member_id}', { params: { path }, body: { role: 'owner' } }))
    load.run()
  }

  return (
    <Panel
      title={t.members}
      closeLabel={t.closeMembers}
      actions={
        mayAdd && (
          <IconButton label={t.addPeople} onClick={() => setAdding(true)}>
            <UserPlus />
          </IconButton>
        )
      }
    >
      <FormError error={load.error} />
      <ul className="members-list">
        {members.map(member => (
          <li key={member.user_id} className="member">
            <UserMenu userId={member.user_id} className="member-who">
              <Avatar userId={member.user_id} size="m" />
              <span className="member-name" dir="auto">
                <UserName userId={member.user_id} />
                {member.user_id === me.id && <span className="member-you"> {t.you}</span>}
              </span>
            </UserMenu>
            {member.role === 'owner' && <span className="tag">{t.owner}</span>}
            {member.role !== 'owner' && member.user_id !== me.id && (
              <span className="member-actions">
                {mayHandOver && (
                  <IconButton
                    label={t.makeOwner(nameOf(member.user_id))}
                    className="icon-button-s"
                    onClick={() => setAsking({ what: 'hand over', userId: member.user_id })}
                  >
                    <Crown />
                  </IconButton>
                )}
                {mayRemove && (
                  <IconButton
                    label={t.removeMember(nameOf(member.user_id))}
                    className="icon-button-s"
                    onClick={() => setAsking({ what: 'remove', userId: member.user_id })}
                  >
                    <UserMinus />
                  </IconButton>
                )}
              </span>
            )}
          </li>
        ))}
      </ul>
      {after && (
        <button type="button" className="button" onClick={() => load.run(after)}>
          {t.more}
        </button>
      )}
      {asking && (
        <ConfirmDialog
          title={
            asking.what === 'remove' ? t.removeTitle(nameOf(asking.userId)) : t.makeOwnerTitle(nameOf(asking.userId))
          }
          text={asking.what === 'remove' ? t.removeText : t.makeOwnerText}
          action={asking.what === 'remove' ? t.remove : t.handOver}
          onClose={() => setAsking(null)}
          onConfirm={() => (asking.what === 'remove' ? remove(asking.userId) : handOver(asking.userId))}
        />
      )}
      {adding && (
        <AddMembers
          item={item}
          without={members.map(member => member.user_id)}
          onClose={() => setAdding(false)}
          onDone={() => load.run()}
        />
      )}
    </Panel>
  )
}
