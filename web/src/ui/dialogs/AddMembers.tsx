// Adds users to a chat.
import { useState } from 'react'
import { unwrap } from '../../api/client'
import type { ChatItem, User } from '../../api/types'
import { useTexts } from '../../texts'
import { Dialog, DialogActions } from '../Dialog'
import { useAction } from '../forms'
import { useStore } from '../hooks'
import { PeoplePicker } from '../PeoplePicker'

interface AddMembersProps {
  item: ChatItem
  without: string[]
  onClose: () => void
  onDone: () => void
}

export function AddMembers({ item, without, onClose, onDone }: AddMembersProps) {
  const t = useTexts()
  const store = useStore()
  const [people, setPeople] = useState<User[]>([])
  const { error, busy, run } = useAction(async () => {
    const body = { user_ids: people.map(user => user.id) }
    await unwrap(store.api.POST('/api/chat/{id}/members', { params: { path: { id: item.chat.id } }, body }))
    onDone()
    onClose()
  })
  return (
    <Dialog title={t.addPeople} onClose={onClose}>
      <PeoplePicker label={t.who} chosen={people} onChange={setPeople} without={without} />
      <DialogActions
        action={t.add}
        disabled={people.length === 0 || busy}
        onClose={onClose}
        onAction={run}
        error={error}
      />
    </Dialog>
  )
}
