// The candidates for the word before the cursor.
import { useTexts } from '../../texts'
import { Listbox } from '../Listbox'
import type { Candidate } from './completer'
import type { useCompletion } from './useCompletion'

export function CompletionList({ id, found, active, pick }: ReturnType<typeof useCompletion>) {
  const t = useTexts()
  if (!found) return null
  return (
    <Listbox<Candidate>
      id={id}
      label={found.completer.label(t)}
      className="completions"
      options={found.candidates}
      active={active}
      keyOf={({ key }) => key}
      onPick={pick}
    >
      {({ row }) => row}
    </Listbox>
  )
}
