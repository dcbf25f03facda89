import { createHash } from 'node:crypto'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
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

/** Files of `public` that the page needs while the server is away. */
const PUBLIC = ['/', '/manifest.webmanifest', '/icon.svg', '/icon-unread.svg', '/icon-192.png']

/** Tells the service worker the files of this build: scripts, styles, and the letters of most texts. */
const serviceWorker: Plugin = {
  name: 'service-worker',
  apply: 'build',
  enforce: 'post',
  generateBundle(_, bundle) {
    const worker = bundle['sw.js']
    if (worker?.type !== 'chunk') throw new Error('there is no service worker')
    const names = Object.keys(bundle).filter(name => /^assets\/.*(\.js|\.css|inter-latin-wght.*\.woff2)$/.test(name))
    const files = JSON.stringify([...PUBLIC, ...names.sort().map(name => `/${name}`)])
    const version = createHash('sha256').update(files).digest('hex').slice(0, 12)
    worker.code = worker.code.replace('__FILES__', files).replace('__VERSION__', JSON.stringify(version))
  },
}

/** What the entry needs, apart from the rest of the code. */
const EARLY =
  /src\/(api\/client|store\/(conversation|database|early|locks|offline|openingQuery|retry|session|storage|tabs))\.ts|openapi-fetch|preload-helper|rolldown.runtime/

/** The chunks that the entry asks for, and those that a chat needs, fetched at the same time as it. */
const PRELOADED = ['start', 'ChatPane']
const preload: Plugin = {
  name: 'preload',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler(html, { bundle }) {
      const chunks = Object.values(bundle ?? {}).filter(file => file.type === 'chunk')
      const wanted = PRELOADED.flatMap(wanted => chunks.filter(({ name }) => name === wanted)).flatMap(chunk => [
        chunk.fileName,
        ...chunk.imports,
      ])
      const missing = [...new Set(wanted)].filter(name => !html.includes(name))
      return missing.map(name => ({
        tag: 'link',
        attrs: { rel: 'modulepreload', crossorigin: true, href: `/${name}` },
        injectTo: 'head' as const,
      }))
    },
  },
}

export default defineConfig({
  plugins: [react(), serviceWorker, preload],
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 5173, strictPort: true, proxy, headers: { 'content-security-policy': csp } },
  // Nothing inline: the Content-Security-Policy forbids fonts and scripts from data: addresses.
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      input: { index: 'index.html', sw: 'src/worker/sw.js' },
      output: {
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        // Few files: a browser asks for six at a time over HTTP/1.1, and each waits for the network.
        codeSplitting: {
          groups: [
            { name: 'early', test: EARLY, priority: 2 },
            { name: 'shared', minShareCount: 2, priority: 1 },
          ],
        },
      },
    },
  },
  test: { setupFiles: 'src/setUpTests.ts' },
})
