// An input to choose users by name or e-mail. Known users are offered at once, then those that the
// server finds.
import { X } from 'lucide-react'
import { useEffect, useId, useMemo, useState } from 'react'
import type { User } from '../api/types'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { useMe, useStore, useView } from './hooks'
import { isComposing } from './ime'
import { Listbox, optionId } from './Listbox'
import { matchScore } from './matchScore'

const FOUND_MAX = 30
/** So many are offered below the input. */
const OFFERED_MAX = 6
/** Debounce of the search. */
const SEARCH_MS = 150

export function usePeopleSearch(query: string): User[] {
  const store = useStore()
  const me = useMe()
  const users = useView(view => view.data?.users)
  useEffect(() => {
    const timer = setTimeout(() => void store.users.search(query.trim()).catch(() => undefined), SEARCH_MS)
    return () => clearTimeout(timer)
  }, [store, query])
  return useMemo(() => {
    const score = (user: User) =>
      Math.max(matchScore(user.fullname, query), user.email?.startsWith(query.toLowerCase()) ? 1 : 0)
    return [...(users?.values() ?? [])]
      .filter(user => user.active && user.id !== me.id)
      .map(user => ({ user, score: score(user) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score || a.user.fullname.localeCompare(b.user.fullname))
      .slice(0, FOUND_MAX)
      .map(({ user }) => user)
  }, [users, query, me.id])
}

interface PeoplePickerProps {
  label: string
  chosen: User[]
  onChange: (users: User[]) => void
  without?: string[]
  one?: boolean
}

export function PeoplePicker({ label, chosen, onChange, without = [], one = false }: PeoplePickerProps) {
  const t = useTexts()
  const id = useId()
  const [query, setQuery] = useState('')
  const [active, setActive] = useState(0)
  // Once open, the list stays open: closing it would move a button below it away from the pointer.
  const [open, setOpen] = useState(false)
  const found = usePeopleSearch(query).filter(
    user => !without.includes(user.id) && !chosen.some(other => other.id === user.id),
  )
  const pick = (user: User) => {
    onChange(one ? [user] : [...chosen, user])
    setQuery('')
    setActive(0)
  }
  const shown = found.slice(0, OFFERED_MAX)
  const full = one && chosen.length > 0
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="picker">
        {chosen.map(user => (
          <span key={user.id} className="chip">
            <bdi>{user.fullname}</bdi>
            <button
              type="button"
              aria-label={t.takeOut(user.fullname)}
              onClick={() => onChange(chosen.filter(other => other.id !== user.id))}
            >
              <X />
            </button>
          </span>
        ))}
        {!full && (
          <input
            id={id}
            role="combobox"
            aria-expanded={open && found.length > 0}
            aria-controls={open && found.length > 0 ? `${id}-list` : undefined}
            aria-activedescendant={open && shown[active] ? optionId(`${id}-list`, active) : undefined}
            autoComplete="off"
            dir="auto"
            placeholder={chosen.length === 0 ? t.nameOrEmail : ''}
            value={query}
            onChange={event => {
              setQuery(event.target.value)
              setActive(0)
            }}
            onFocus={() => setOpen(true)}
            data-autofocus={one || undefined}
            onKeyDown={event => {
              if (isComposing(event.nativeEvent)) return
              const user = shown[active]
              if (event.key === 'ArrowDown') setActive(Math.min(active + 1, shown.length - 1))
              else if (event.key === 'ArrowUp') setActive(Math.max(active - 1, 0))
              else if (event.key === 'Enter' && user) pick(user)
              else if (event.key === 'Backspace' && query === '') onChange(chosen.slice(0, -1))
              else return
              event.preventDefault()
            }}
          />
        )}
      </div>
      {!full && open && found.length === 0 && (
        <p className="picker-list picker-none" role="status">
          {t.nobodyElse}
        </p>
      )}
      {!full && open && found.length > 0 && (
        <Listbox
          id={`${id}-list`}
          label={label}
          className="picker-list"
          options={shown}
          active={active}
          keyOf={user => user.id}
          onPick={pick}
        >
          {user => (
            <>
              <Avatar userId={user.id} size="s" />
              <span className="option-title" dir="auto">
                {user.fullname}
              </span>
              <span className="option-note">
                {user.email}
                {user.email && !user.email_verified && ` (${t.unverified})`}
              </span>
            </>
          )}
        </Listbox>
      )}
    </div>
  )
}
