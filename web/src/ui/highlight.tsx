// Colours for code, fetched when the first piece of code is seen. Only classes: the policy lets no style in.
import { toJsxRuntime } from 'hast-util-to-jsx-runtime'
import { common, createLowlight } from 'lowlight'
import type { ReactNode } from 'react'
import { Fragment, jsx, jsxs } from 'react/jsx-runtime'

const lowlight = createLowlight(common)
/** More than this takes too long to colour while somebody scrolls past. */
const MAX = 8000

export function highlighted(text: string, language: string): ReactNode {
  if (text.length > MAX || !lowlight.registered(language)) return text
  return toJsxRuntime(lowlight.highlight(language, text), { Fragment, jsx, jsxs })
}
