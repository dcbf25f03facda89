// Form fields, and hooks that run an action and keep its error.
import { ChevronDown, Eye, EyeOff } from 'lucide-react'
import { type FormEvent, type InputHTMLAttributes, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { useTexts } from '../texts'
import { type ErrorTexts, errorTexts } from './errors'
import { IconButton } from './IconButton'

/** Runs `work`, and keeps whether it is running and its last error. */
export function useAction<A extends unknown[]>(work: (...args: A) => Promise<void>) {
  const [error, setError] = useState<ErrorTexts | null>(null)
  const [busy, setBusy] = useState(false)
  const run = async (...args: A) => {
    setBusy(true)
    setError(null)
    try {
      await work(...args)
    } catch (error) {
      setError(errorTexts(error))
    } finally {
      setBusy(false)
    }
  }
  return { error, busy, run: (...args: A) => void run(...args) }
}

/** The same for a form; `submit` gets the values of its fields by name. */
export function useForm(submit: (values: Record<string, string>) => Promise<void>) {
  const { error, busy, run } = useAction(submit)
  const form = useRef<HTMLFormElement>(null)
  // The first wrong field gets the focus, so that screen readers read its error.
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [error])
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    form.current = event.currentTarget
    const values = [...new FormData(event.currentTarget)].map(([name, value]) => [name, fieldText(name, value)])
    run(Object.fromEntries(values))
  }
  return { error, busy, onSubmit }
}

/** A form that says that it is saved, until something is changed again. */
export function useSavedForm(save: (values: Record<string, string>) => Promise<void>) {
  const [saved, setSaved] = useState(false)
  const form = useForm(async values => {
    await save(values)
    setSaved(true)
  })
  return { ...form, saved, onChange: () => setSaved(false) }
}

/** Without white space around it, except in a password. */
function fieldText(name: string, value: FormDataEntryValue): string {
  const text = typeof value === 'string' ? value : ''
  return name.endsWith('password') ? text : text.trim()
}

export function FormError({ error }: { error: ErrorTexts | null }) {
  return (
    <div role="alert" className="form-error-slot">
      {error?.message && <p className="form-error">{error.message}</p>}
    </div>
  )
}

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  hint?: ReactNode
  error?: string | undefined
  /** A button at the end of the box. */
  button?: ReactNode
}

export function Field({ label, hint, error, autoFocus, button, ...rest }: FieldProps) {
  const id = useId()
  const note = error ?? hint
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <input
          id={id}
          aria-invalid={Boolean(error)}
          aria-describedby={note ? `${id}-note` : undefined}
          autoFocus={autoFocus}
          data-autofocus={autoFocus || undefined}
          dir="auto"
          {...rest}
        />
        {button}
      </div>
      {note && (
        <p id={`${id}-note`} className={error ? 'field-error' : 'field-hint'}>
          {note}
        </p>
      )}
    </div>
  )
}

interface CheckboxProps {
  label: string
  name: string
  hint: string
  defaultChecked: boolean
}

/** A choice between yes and no in a form: its value is `on`, or there is none. */
export function Checkbox({ label, hint, ...rest }: CheckboxProps) {
  const id = useId()
  return (
    <div className="field-checkbox">
      <input id={id} type="checkbox" aria-describedby={`${id}-note`} {...rest} />
      <label htmlFor={id}>{label}</label>
      <p id={`${id}-note`} className="field-hint">
        {hint}
      </p>
    </div>
  )
}

/** The address of an account: named by who signs in (`username`), or given by who is new (`email`). */
export function EmailField({ isSignIn = false, ...rest }: FieldProps & { isSignIn?: boolean }) {
  return <Field name="email" type="email" autoComplete={isSignIn ? 'username' : 'email'} required {...rest} />
}

/** A password that exists, or a new one. The name of its field ends with `password`. */
export function PasswordField({ isNew = false, ...rest }: FieldProps & { isNew?: boolean }) {
  const t = useTexts()
  const [shown, setShown] = useState(false)
  const autoComplete = isNew ? 'new-password' : 'current-password'
  const button = (
    <IconButton
      label={shown ? t.hidePassword : t.showPassword}
      className="icon-button-s"
      onClick={() => setShown(!shown)}
    >
      {shown ? <EyeOff /> : <Eye />}
    </IconButton>
  )
  const type = shown ? 'text' : 'password'
  return <Field name="password" type={type} autoComplete={autoComplete} required button={button} {...rest} />
}

interface SelectProps {
  label: string
  value: string
  options: [value: string, text: string][]
  onChange: (value: string) => void
}

export function Select({ label, value, options, onChange }: SelectProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="select">
        <select id={id} value={value} onChange={event => onChange(event.target.value)}>
          {options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
        <ChevronDown aria-hidden="true" />
      </div>
    </div>
  )
}
