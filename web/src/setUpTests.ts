// What modules of the UI ask of the browser while they are loaded, for tests without one.
Object.defineProperties(globalThis, {
  matchMedia: { value: () => ({ matches: false, addEventListener: () => undefined }), writable: true },
  navigator: { value: { platform: 'Linux' }, writable: true },
})
