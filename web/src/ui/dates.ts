// Times in the reader's own language and zone.
import { localeOf } from '../texts'

function formats(locale: string | undefined) {
  return {
    locale,
    time: new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' }),
    day: new Intl.DateTimeFormat(locale, { weekday: 'long', month: 'long', day: 'numeric' }),
    dayWithYear: new Intl.DateTimeFormat(locale, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }),
    full: new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' }),
    medium: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }),
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
  }
}

let made = formats(undefined)

/** Of the language of now. */
function now(): typeof made {
  if (made.locale !== localeOf()) made = formats(localeOf())
  return made
}

export const clock = (at: string): string => now().time.format(new Date(at))
export const fullDate = (at: string): string => now().full.format(new Date(at))
export const shortDate = (at: string): string => now().medium.format(new Date(at))
export const dayKey = (at: string): string => new Date(at).toDateString()

export function dayName(at: string, today = new Date()): string {
  const date = new Date(at)
  const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime()
  const days = Math.round((midnight(date) - midnight(today)) / 86_400_000)
  if (days === 0 || days === -1) {
    const word = now().relative.format(days, 'day')
    return word.charAt(0).toLocaleUpperCase() + word.slice(1)
  }
  return (date.getFullYear() === today.getFullYear() ? now().day : now().dayWithYear).format(date)
}
