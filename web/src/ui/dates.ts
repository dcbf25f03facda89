// Formats times in the user's language and time zone.
import { localeOf } from '../texts'

/**
 * Words are in the language of the texts; how many hours a day has is up to the reader's own locale,
 * which may be of another language.
 */
export function formats(locale: string | undefined, reader: string | undefined) {
  const { hourCycle } = new Intl.DateTimeFormat(reader, { timeStyle: 'short' }).resolvedOptions()
  return {
    locale,
    time: new Intl.DateTimeFormat(locale, { timeStyle: 'short', hourCycle }),
    day: new Intl.DateTimeFormat(locale, { weekday: 'long', month: 'long', day: 'numeric' }),
    dayWithYear: new Intl.DateTimeFormat(locale, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }),
    full: new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short', hourCycle }),
    medium: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', hourCycle }),
    short: new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }),
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
  }
}

let cached = formats(undefined, undefined)

/** The formats of the current language. */
function current(): typeof cached {
  if (cached.locale !== localeOf()) cached = formats(localeOf(), navigator.language)
  return cached
}

export const clock = (at: string): string => current().time.format(new Date(at))
export const fullDate = (at: string): string => current().full.format(new Date(at))
export const shortDate = (at: string): string => current().medium.format(new Date(at))
export const dayKey = (at: string): string => new Date(at).toDateString()

/** The time of today, the day of another one. */
export function when(at: string, today = new Date()): string {
  return dayKey(at) === today.toDateString() ? clock(at) : current().short.format(new Date(at))
}

export function dayName(at: string, today = new Date()): string {
  const date = new Date(at)
  const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime()
  const days = Math.round((midnight(date) - midnight(today)) / 86_400_000)
  if (days === 0 || days === -1) {
    const word = current().relative.format(days, 'day')
    return word.charAt(0).toLocaleUpperCase() + word.slice(1)
  }
  return (date.getFullYear() === today.getFullYear() ? current().day : current().dayWithYear).format(date)
}
