// Changes the name and the description of a chat, and who becomes a member of it.
import { unwrap } from '../../api/client'
import type { ChatItem } from '../../api/types'
import { useTexts } from '../../texts'
import { Dialog, DialogActions } from '../Dialog'
import { Checkbox, Field, useForm } from '../forms'
import { useStore } from '../hooks'

export function EditChat({ item, onClose }: { item: ChatItem; onClose: () => void }) {
  const t = useTexts()
  const store = useStore()
  const { chat } = item
  const channel = chat.kind !== 'group'
  const maySetAutoJoin = item.may.includes('set_auto_join')
  const { error, busy, onSubmit } = useForm(async ({ name, description = '', auto_join }) => {
    const body = {
      ...(name ? { name } : {}),
      ...(channel ? { description } : {}),
      ...(maySetAutoJoin ? { auto_join: auto_join === 'on' } : {}),
    }
    await unwrap(store.api.PATCH('/api/chat/{id}', { params: { path: { id: chat.id } }, body }))
    onClose()
  })
  return (
    <Dialog title={t.rename} onClose={onClose} className="dialog-s">
      <form onSubmit={onSubmit}>
        <Field
          label={t.name}
          name="name"
          defaultValue={chat.name ?? ''}
          required={channel}
          maxLength={80}
          autoFocus
          error={error?.fields.name}
        />
        {channel && (
          <Field
            label={t.about}
            name="description"
            defaultValue={chat.description}
            maxLength={500}
            error={error?.fields.description}
          />
        )}
        {maySetAutoJoin && (
          <Checkbox label={t.autoJoin} name="auto_join" hint={t.autoJoinHint} defaultChecked={chat.auto_join} />
        )}
        <DialogActions action={t.save} disabled={busy} onClose={onClose} error={error} />
      </form>
    </Dialog>
  )
}
