// Files that are dropped: the browser would leave the page and open them.
import { useEffect } from 'react'
import { useTexts } from '../texts'
import { showNotice } from './CopyNotice'

export function hasFiles(data: DataTransfer | null): boolean {
  return data?.types.includes('Files') ?? false
}

/** Says that files cannot be sent yet, wherever they are dropped. */
export function useFilesLater(): void {
  const t = useTexts()
  useEffect(() => {
    const onDrag = (event: DragEvent) => {
      if (!hasFiles(event.dataTransfer)) return
      event.preventDefault()
      if (event.type === 'drop') showNotice(t.filesLater)
    }
    addEventListener('dragover', onDrag)
    addEventListener('drop', onDrag)
    return () => {
      removeEventListener('dragover', onDrag)
      removeEventListener('drop', onDrag)
    }
  }, [t])
}
