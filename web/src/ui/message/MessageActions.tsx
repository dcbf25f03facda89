// The bar over a message and the menu that it opens. actions.ts has what they offer.
import { Ellipsis } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useTexts } from '../../texts'
import { IconButton } from '../IconButton'
import { MenuContent } from '../Menu'
import { type ActionContext, actionsOn, type MessageAction } from './actions'

interface MessageActionsProps {
  context: ActionContext
  onAction: (action: MessageAction) => void
}

export function MessageActions({ context, onAction }: MessageActionsProps) {
  const t = useTexts()
  const actions = actionsOn(context)
  return (
    <div className="message-actions">
      {actions
        .filter(({ place }) => place === 'bar')
        .map(action => (
          <IconButton
            key={action.name}
            label={action.text(t, context)}
            className="icon-button-s"
            onClick={() => onAction(action)}
          >
            <action.Icon />
          </IconButton>
        ))}
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger asChild>
          <IconButton label={t.more} className="icon-button-s">
            <Ellipsis />
          </IconButton>
        </DropdownMenu.Trigger>
        <MenuContent align="end" sideOffset={4}>
          {actions
            .filter(({ place }) => place === 'menu')
            .map(action => (
              <DropdownMenu.Item
                key={action.name}
                className={action.question ? 'menu-item menu-item-danger' : 'menu-item'}
                onSelect={() => onAction(action)}
              >
                <action.Icon /> {action.text(t, context)}
              </DropdownMenu.Item>
            ))}
        </MenuContent>
      </DropdownMenu.Root>
    </div>
  )
}
