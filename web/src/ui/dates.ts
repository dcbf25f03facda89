// Times in the reader's own language and zone.
const time = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', month: 'long', day: 'numeric' })
const dayWithYear = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  year: 'numeric',
  month: 'long',
  day: 'numeric',
})
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

export const clock = (at: string): string => time.format(new Date(at))
export const fullDate = (at: string): string => full.format(new Date(at))
export const dayKey = (at: string): string => new Date(at).toDateString()

export function dayName(at: string, now = new Date()): string {
  const date = new Date(at)
  const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime()
  const days = Math.round((midnight(date) - midnight(now)) / 86_400_000)
  if (days === 0 || days === -1) {
    const word = relative.format(days, 'day')
    return word.charAt(0).toLocaleUpperCase() + word.slice(1)
  }
  return (date.getFullYear() === now.getFullYear() ? day : dayWithYear).format(date)
}
