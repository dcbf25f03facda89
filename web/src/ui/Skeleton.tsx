// Grey bars in the place of messages that are being loaded.

export function Skeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      {[60, 35, 75].map(width => (
        <div key={width} className={`skeleton-line skeleton-line-${width}`} />
      ))}
    </div>
  )
}
