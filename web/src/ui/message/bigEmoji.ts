// A message of few emoji and nothing else is drawn large. Pure.

const EMOJI_MAX = 6
const ONE =
  /(?:\p{RI}{2}|[0-9#*]\uFE0F?\u20E3|(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F)\p{EMod}?(?:\u200D\p{Extended_Pictographic}\uFE0F?\p{EMod}?|[\u{E0020}-\u{E007F}])*|\p{Extended_Pictographic}\p{EMod})\s*/gu

/** The longest text that is looked at. */
const TEXT_MAX = 200

export function isBigEmoji(text: string): boolean {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.length > TEXT_MAX) return false
  const count = trimmed.match(ONE)?.length ?? 0
  return count > 0 && count <= EMOJI_MAX && trimmed.replace(ONE, '') === ''
}
