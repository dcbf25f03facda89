// The completers of the composer, one line each.
import type { Completer } from './completer'
import { channel } from './completers/channel'
import { emoji } from './completers/emoji'
import { mention } from './completers/mention'

export const COMPLETERS: readonly Completer[] = [emoji, mention, channel]
