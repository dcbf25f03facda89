export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" className="logo-ground" />
      <path
        className="logo-mark"
        d="M8 12.5A4.5 4.5 0 0 1 12.5 8h7a4.5 4.5 0 0 1 4.5 4.500v4a4.500 4.500 0 0 1-4.500 4.500H15l-4.200 3.300c-.5.400-1.300 0-1.300-.600V20.300A4.500 4.500 0 0 1 8 16.800z"
      />
    </svg>
  )
}
