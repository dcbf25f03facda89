// Changes the name and the description of a chat.
import { unwrap } from '../../api/client'
import type { ChatItem } from '../../api/types'
import { useTexts } from '../../texts'
import { Dialog, DialogActions } from '../Dialog'
import { Field, useForm } from '../forms'
import { useStore } from '../hooks'

export function EditChat({ item, onClose }: { item: ChatItem; onClose: () => void }) {
  const t = useTexts()
  const store = useStore()
  const { chat } = item
  const channel = chat.kind !== 'group'
  const { error, busy, onSubmit } = useForm(async ({ name, description = '' }) => {
    const body = { ...(name ? { name } : {}), ...(channel ? { description } : {}) }
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
        <DialogActions action={t.save} disabled={busy} onClose={onClose} error={error} />
      </form>
    </Dialog>
  )
}
