// In place of older messages that are being loaded.
import { Skeleton } from '../../Skeleton'
import type { RowKind } from '../kind'

export const more: RowKind = { Row: Skeleton, estimate: () => 120 }
