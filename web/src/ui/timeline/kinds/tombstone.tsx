// What is left of a deleted message.
import { useTexts } from '../../../texts'
import { messageKind } from '../messageKind'

function Tombstone({ id }: { id: string }) {
  const t = useTexts()
  return (
    <p id={id} className="tombstone">
      {t.deleted}
    </p>
  )
}

export const tombstone = messageKind({ shows: message => Boolean(message.deleted_at), Body: Tombstone })
