import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// In development /api goes to a Parlor that is already running; it must allow this page's origin for the stream:
// PARLOR_CORS__ORIGINS='[http://localhost:5173]'.
const server = process.env.PARLOR_URL ?? 'http://localhost:6688'
const proxy = { '/api': { target: server, changeOrigin: true } }

// What chat_server sends with the pages, so that `npm run preview` shows when something would break it.
const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "manifest-src 'self'",
  `connect-src 'self' ${process.env.PARLOR_EVENTS ?? 'http://localhost:6687'}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export default defineConfig({
  plugins: [react()],
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 5173, strictPort: true, proxy, headers: { 'content-security-policy': csp } },
  // Nothing inline: a strict Content-Security-Policy forbids data: fonts and scripts.
  build: { target: 'es2023', assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
})
