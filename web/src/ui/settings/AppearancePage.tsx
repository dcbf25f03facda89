// How the window looks on this device: light or dark, and the language.
import { useState } from 'react'
import { LANGUAGES, type Language, language, setLanguage, useTexts } from '../../texts'
import { Select } from '../forms'
import { setTheme, type Theme, useTheme } from '../theme'

export function AppearancePage() {
  const t = useTexts()
  const theme = useTheme()
  const [chosen, setChosen] = useState(language)
  return (
    <section className="settings-part settings-pair">
      <Select
        label={t.appearance}
        value={theme}
        options={[
          ['system', t.themeSystem],
          ['light', t.themeLight],
          ['dark', t.themeDark],
        ]}
        onChange={value => setTheme(value as Theme)}
      />
      <Select
        label={t.language}
        value={chosen}
        options={[['system', t.languageSystem], ...LANGUAGES.map(({ value, name }): [string, string] => [value, name])]}
        onChange={value => {
          setChosen(value as Language)
          void setLanguage(value as Language)
        }}
      />
    </section>
  )
}
