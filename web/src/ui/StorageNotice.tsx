// Says once that the storage of the browser is full, blocked or absent, and what that costs.
import { X } from 'lucide-react'
import { useSyncExternalStore } from 'react'
import { storageFailure } from '../store/storage'
import { useTexts } from '../texts'
import { IconButton } from './IconButton'

export function StorageNotice() {
  const t = useTexts()
  const untold = useSyncExternalStore(storageFailure.subscribe, storageFailure.isUntold)
  if (!untold) return null
  return (
    <div className="storage-notice" role="status">
      <span>{t.storageFailed}</span>
      <IconButton label={t.close} className="icon-button-s" onClick={storageFailure.dismiss}>
        <X />
      </IconButton>
    </div>
  )
}
