// The content of a drop-down menu, and the landmark that it is rendered into.
import { DropdownMenu } from 'radix-ui'
import { createContext, useContext } from 'react'

/**
 * The ARIA landmark around a component. Its menus open inside it, so that screen readers find them
 * there.
 */
export const LandmarkContext = createContext<HTMLElement | null>(null)

export function MenuContent({ children, ...rest }: DropdownMenu.DropdownMenuContentProps) {
  return (
    <DropdownMenu.Portal container={useContext(LandmarkContext)}>
      <DropdownMenu.Content className="menu" collisionPadding={8} onCloseAutoFocus={stayWhereOneTypes} {...rest}>
        {children}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  )
}

/** The focus goes back to the button a moment later. By then a letter may have taken it to a box. */
function stayWhereOneTypes(event: Event): void {
  if (document.activeElement?.matches('input, textarea')) event.preventDefault()
}
