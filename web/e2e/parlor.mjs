// Starts a Parlor as processes: the launcher with its own Postgres, and a notify_server for the
// browsers that can be killed alone. It uses free ports of the loopback and a temporary folder.
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { ELSEWHERE } from './browser.mjs'
import { until } from './until.mjs'

const root = resolve(import.meta.dirname, '../..')
const program = process.env.PARLOR_BIN ?? join(root, 'target/debug/parlor')
/** Another build of the client can be named, to compare it. */
const web = process.env.PARLOR_CLIENT ?? join(root, 'web/dist')
/** Long, because a first start runs initdb and the machine may be busy. */
const START_MS = 240_000
const STOP_MS = 30_000

export class Parlor {
  folder = mkdtempSync(join(tmpdir(), 'parlor-e2e-'))
  children = new Map()

  static async start(options = {}) {
    for (const needed of [program, join(web, 'index.html')]) {
      if (!existsSync(needed)) throw new Error(`${needed} is missing: build it first`)
    }
    const parlor = new Parlor()
    // A copy: the program may be built again during the run.
    cpSync(web, parlor.client(), { recursive: true })
    try {
      await parlor.begin(options)
      return parlor
    } catch (error) {
      console.error(parlor.log().slice(-4000))
      await parlor.stop()
      throw error
    }
  }

  /**
   * With `secondTokenSeconds`, starts a second chat_server whose access tokens expire after that.
   */
  async begin({ demo = false, secondTokenSeconds = 0 } = {}) {
    this.ports = { chat: await freePort(), notify: await freePort(), second: await freePort() }
    this.url = `http://localhost:${this.ports.chat}`
    this.second = `http://localhost:${this.ports.second}`
    this.insecure = `http://${ELSEWHERE}:${this.ports.chat}`
    this.events = `http://localhost:${this.ports.notify}`
    await this.startLauncher(demo ? ['--demo'] : [])
    await until('the launcher has said that all is up', () => /Parlor runs at/.test(this.log()), START_MS)
    await this.startNotify()
    if (secondTokenSeconds === 0) return
    this.spawn('second', ['chat_server'], {
      PARLOR_SERVER__PORT: this.ports.second,
      // No such folder: it serves the client that is embedded in the program.
      PARLOR_SERVER__WEB_DIR: join(this.folder, 'nowhere'),
      PARLOR_AUTH__ACCESS_TOKEN_SECONDS: secondTokenSeconds,
      PARLOR_AUTH__KEY_FILE: join(this.folder, 'second.pem'),
      DATABASE_URL: this.database(),
    })
    await this.answers('second', `${this.second}/health/ready`)
  }

  async startLauncher(args = []) {
    this.spawn('parlor', args, { PARLOR_SERVER__PORT: this.ports.chat, PARLOR_NOTIFY__PORT: 0 })
    await this.answers('parlor', `${this.url}/health/ready`)
  }

  /** Ends everything; the data stay. */
  async goAway() {
    await this.killNotify()
    await this.end('parlor', 'SIGTERM')
  }

  async comeBack() {
    await this.startLauncher()
    await this.startNotify()
  }

  /** The notify_server that the pages use. The launcher's own one holds no stream. */
  async startNotify() {
    this.spawn('notify', ['notify_server'], {
      PARLOR_NOTIFY__PORT: this.ports.notify,
      PARLOR_SERVER__PUBLIC_URL: this.url,
      PARLOR_CORS__ORIGINS: `[${this.second}, ${this.insecure}]`,
      DATABASE_URL: this.database(),
    })
    await this.answers('notify', `http://127.0.0.1:${this.ports.notify}/health/ready`)
  }

  /** What `parlor account …` prints, as the operator starts it. */
  account(...args) {
    const own = Object.entries(process.env).filter(([key]) => !key.startsWith('PARLOR_'))
    const env = {
      ...Object.fromEntries(own),
      DATABASE_URL: this.database(),
      PARLOR_SERVER__PUBLIC_URL: this.url,
    }
    return execFileSync(program, ['account', ...args], { env, cwd: this.folder, encoding: 'utf8' })
  }

  /** SIGKILL: without a shutdown. */
  async killNotify() {
    await this.end('notify', 'SIGKILL')
  }

  /** The launcher restarts it. Resolves when it answers. */
  async restartPostgres() {
    const before = this.postmaster()
    process.kill(before, 'SIGINT')
    const isAnother = () => ![undefined, before].includes(this.postmaster())
    await until('another Postgres runs', isAnother, START_MS)
    await this.answers('parlor', `${this.url}/health/ready`)
  }

  /** The process id of Postgres. */
  postmaster() {
    try {
      return Number(readFileSync(this.data('cluster/postmaster.pid'), 'utf8').split('\n')[0])
    } catch {
      return undefined
    }
  }

  async sql(text, values = []) {
    const client = new pg.Client({ connectionString: this.database() })
    await client.connect()
    try {
      return (await client.query(text, values)).rows
    } finally {
      await client.end()
    }
  }

  async stop() {
    for (const name of [...this.children.keys()].reverse()) await this.end(name, 'SIGTERM')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }

  log() {
    return ['parlor', 'notify', 'second']
      .map(name => join(this.folder, `${name}.log`))
      .filter(existsSync)
      .map(file => `== ${file}\n${readFileSync(file, 'utf8')}`)
      .join('\n')
  }

  /** The folder of the client that chat_server serves. */
  client(path = '') {
    return join(this.folder, 'client', path)
  }

  data(path) {
    return join(this.folder, 'data/postgres', path)
  }

  database() {
    const [password, port] = ['password', 'port'].map(name => readFileSync(this.data(name), 'utf8').trim())
    return `postgres://parlor:${password}@127.0.0.1:${port}/parlor`
  }

  spawn(name, args, settings) {
    const own = Object.entries(process.env).filter(([key]) => !key.startsWith('PARLOR_') && key !== 'DATABASE_URL')
    const child = spawn(program, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(own),
        RUST_BACKTRACE: '0',
        PARLOR_SERVER__HOST: '127.0.0.1',
        PARLOR_SERVER__WEB_DIR: this.client(),
        PARLOR_NOTIFY__HOST: '127.0.0.1',
        PARLOR_NOTIFY__PUBLIC_URL: this.events,
        PARLOR_LIMITS__SIGNIN_PER_MINUTE: '100000',
        PARLOR_LIMITS__SEND_PER_MINUTE: '100000',
        PARLOR_LIMITS__TEXT_KB_PER_MINUTE: '1000000',
        PARLOR_LIMITS__REQUESTS_PER_MINUTE: '1000000',
        PARLOR_LOG__LEVEL: 'warn',
        ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])),
      },
    })
    const log = createWriteStream(join(this.folder, `${name}.log`), { flags: 'a' })
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    child.gone = new Promise(gone => child.on('exit', gone))
    this.children.set(name, child)
  }

  async answers(name, url) {
    const child = this.children.get(name)
    const ready = async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${this.log().slice(-2000)}`)
      return (await fetch(url).catch(() => null))?.ok
    }
    await until(`${name} is ready`, ready, START_MS)
  }

  async end(name, signal) {
    const child = this.children.get(name)
    this.children.delete(name)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await child.gone
    clearTimeout(late)
  }
}

function freePort() {
  return new Promise((found, failed) => {
    const server = createServer()
    server.on('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => found(port))
    })
  })
}
