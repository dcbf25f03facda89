// Creates a chat of any kind, with its first members.
import { Hash, Lock, MessageCircle, Users } from 'lucide-react'
import { useState } from 'react'
import { unwrap } from '../../api/client'
import type { ChatKind, User } from '../../api/types'
import { useTexts } from '../../texts'
import { Dialog, DialogActions } from '../Dialog'
import { Field, useForm } from '../forms'
import { useStore } from '../hooks'
import { PeoplePicker } from '../PeoplePicker'

const KINDS: { kind: ChatKind; Icon: typeof Hash }[] = [
  { kind: 'public_channel', Icon: Hash },
  { kind: 'private_channel', Icon: Lock },
  { kind: 'group', Icon: Users },
  { kind: 'single', Icon: MessageCircle },
]

interface NewChatProps {
  /** The kind that is chosen at first. */
  first: ChatKind
  onClose: () => void
  onChat: (id: string) => void
}

export function NewChat({ first, onClose, onChat }: NewChatProps) {
  const t = useTexts()
  const store = useStore()
  const [kind, setKind] = useState(first)
  const [people, setPeople] = useState<User[]>([])
  const channel = kind === 'public_channel' || kind === 'private_channel'
  const enough = kind === 'single' ? people.length === 1 : kind === 'group' ? people.length >= 2 : true
  const { error, busy, onSubmit } = useForm(async ({ name, description }) => {
    const item = await unwrap(
      store.api.POST('/api/chat', {
        body: {
          kind,
          members: people.map(user => user.id),
          ...(kind === 'single' ? {} : { name: name || null }),
          ...(channel ? { description: description || null } : {}),
        },
      }),
    )
    store.chats.add(item)
    onChat(item.chat.id)
  })
  return (
    <Dialog title={t.newChat} onClose={onClose}>
      <form onSubmit={onSubmit}>
        <fieldset className="kinds">
          <legend className="visually-hidden">{t.kindOfChat}</legend>
          {KINDS.map(({ kind: value, Icon }) => (
            <label key={value} className="kind">
              <input
                type="radio"
                name="kind"
                value={value}
                checked={kind === value}
                onChange={() => {
                  setKind(value)
                  setPeople(now => (value === 'single' ? now.slice(0, 1) : now))
                }}
              />
              <Icon aria-hidden="true" />
              <span className="kind-title">{t.kinds[value][0]}</span>
              <span className="kind-text">{t.kinds[value][1]}</span>
            </label>
          ))}
        </fieldset>
        {kind !== 'single' && (
          <Field
            key={channel ? 'channel' : 'group'}
            label={channel ? t.name : t.nameOptional}
            name="name"
            required={channel}
            autoFocus={channel}
            maxLength={80}
            error={error?.fields.name}
          />
        )}
        {channel && (
          <Field
            label={t.about}
            name="description"
            maxLength={500}
            hint={t.optional}
            error={error?.fields.description}
          />
        )}
        <PeoplePicker
          key={kind}
          label={kind === 'single' ? t.withWhom : kind === 'group' ? t.peopleTwo : t.peopleNow}
          chosen={people}
          onChange={setPeople}
          one={kind === 'single'}
        />
        <DialogActions
          action={kind === 'single' ? t.start : kind === 'group' ? t.createGroup : t.createChannel}
          disabled={!enough || busy}
          onClose={onClose}
          error={error}
        />
      </form>
    </Dialog>
  )
}
