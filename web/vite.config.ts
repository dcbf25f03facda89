import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// In development, /api is proxied to a running Parlor. It must allow the origin of this page for the
// stream: PARLOR_CORS__ORIGINS='[http://localhost:5173]'.
const server = process.env.PARLOR_URL ?? 'http://localhost:6688'
const proxy = { '/api': { target: server, changeOrigin: true } }

// The policy that chat_server sends, so that `npm run preview` shows violations of it.
const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  `connect-src 'self' ${process.env.PARLOR_EVENTS ?? 'http://localhost:6687'}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export default defineConfig({
  plugins: [react()],
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 5173, strictPort: true, proxy, headers: { 'content-security-policy': csp } },
  // Nothing inline: the Content-Security-Policy forbids fonts and scripts from data: addresses.
  build: { target: 'es2023', assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  test: { setupFiles: 'src/setUpTests.ts' },
})
