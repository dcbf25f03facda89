// Highlights code. A chunk of its own, fetched with the first code block. It sets classes only,
// since the Content-Security-Policy forbids inline styles.
import { toJsxRuntime } from 'hast-util-to-jsx-runtime'
import { common, createLowlight } from 'lowlight'
import type { ReactNode } from 'react'
import { Fragment, jsx, jsxs } from 'react/jsx-runtime'

const lowlight = createLowlight(common)
/** A longer text takes too long to highlight while the user scrolls. */
const TEXT_MAX = 8000

export function highlighted(text: string, language: string): ReactNode {
  if (text.length > TEXT_MAX || !lowlight.registered(language)) return text
  return toJsxRuntime(lowlight.highlight(language, text), { Fragment, jsx, jsxs })
}
