// The options of a combobox. The input keeps the focus and handles the keys;
// `aria-activedescendant` on the input names the active option.
import type { ReactNode } from 'react'

interface ListboxProps<T> {
  id: string
  label: string
  className: string
  options: readonly T[]
  /** Null if none is chosen. */
  active: number | null
  keyOf: (option: T) => string
  onPick: (option: T) => void
  children: (option: T) => ReactNode
}

export function Listbox<T>({ id, label, className, options, active, keyOf, onPick, children }: ListboxProps<T>) {
  return (
    <div className={className} id={id} role="listbox" aria-label={label}>
      {options.map((option, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the input handles the keys
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
