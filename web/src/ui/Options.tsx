// What a field offers to choose from. The field keeps the focus and has the keys; `aria-activedescendant` says which is meant.
import type { ReactNode } from 'react'

interface OptionsProps<T> {
  id: string
  label: string
  className: string
  options: readonly T[]
  active: number
  keyOf: (option: T) => string
  onPick: (option: T) => void
  children: (option: T) => ReactNode
}

export function Options<T>({ id, label, className, options, active, keyOf, onPick, children }: OptionsProps<T>) {
  return (
    <div className={className} id={id} role="listbox" aria-label={label}>
      {options.map((option, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
        <div
          key={keyOf(option)}
          id={optionId(id, index)}
          role="option"
          tabIndex={-1}
          aria-selected={index === active}
          className="option"
          ref={element => {
            if (index === active) element?.scrollIntoView({ block: 'nearest' })
          }}
          onMouseDown={event => event.preventDefault()}
          onClick={() => onPick(option)}
        >
          {children(option)}
        </div>
      ))}
    </div>
  )
}

export function optionId(list: string, index: number): string {
  return `${list}-${index}`
}
