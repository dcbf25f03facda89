// The settings of how the window looks on this device, and of its language.
import { useState } from 'react'
import { LANGUAGES, type Language, language, setLanguage, useTexts } from '../../texts'
import { CHOICES, type Choice, choose, useChosen, type ValueOf } from '../appearance'
import { Select } from '../forms'

export function AppearancePage() {
  const t = useTexts()
  const [inLanguage, setInLanguage] = useState(language)
  return (
    <section className="settings-part settings-pair">
      <ChoiceSelect choice="theme" label={t.theme} />
      <Select
        label={t.language}
        value={inLanguage}
        options={[['system', t.languageSystem], ...LANGUAGES.map(({ value, name }): [string, string] => [value, name])]}
        onChange={value => {
          setInLanguage(value as Language)
          void setLanguage(value as Language)
        }}
      />
      <ChoiceSelect choice="density" label={t.density} />
      <ChoiceSelect choice="text" label={t.textSize} />
    </section>
  )
}

function ChoiceSelect<C extends Choice>({ choice, label }: { choice: C; label: string }) {
  const t = useTexts()
  const names: Record<string, string> = t.choices[choice]
  return (
    <Select
      label={label}
      value={useChosen(choice)}
      options={CHOICES[choice].map((value): [string, string] => [value, names[value] ?? value])}
      onChange={value => choose(choice, value as ValueOf<C>)}
    />
  )
}
