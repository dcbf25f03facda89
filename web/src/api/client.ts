// The REST API, typed by its own document. Who asks is added by the session; a token that is refused is renewed once.
import createClient from 'openapi-fetch'
import type { paths } from './schema'
import type { InvalidField, Problem } from './types'

export interface Tokens {
  /** An access token, renewed if it is about to end or if it is the one that was just refused. */
  token(stale?: string): Promise<string>
}

export function connectApi(tokens: Tokens, baseUrl = location.origin) {
  return createClient<paths>({
    baseUrl,
    // `ids=a,b`
    querySerializer: { array: { style: 'form', explode: false } },
    fetch: async request => {
      const token = await tokens.token()
      const again = request.clone()
      const response = await fetch(withToken(request, token))
      if (response.status !== 401) return response
      return fetch(withToken(again, await tokens.token(token)))
    },
  })
}

export type Api = ReturnType<typeof connectApi>

function withToken(request: Request, token: string): Request {
  request.headers.set('authorization', `Bearer ${token}`)
  return request
}

/** For calls that need no token: signing in and up, invitations. */
export const openApi = createClient<paths>({ baseUrl: typeof location === 'undefined' ? '' : location.origin })

/** Why the server said no: what programs and catalogues of texts can go by, in whatever language. */
export interface Why {
  code: string
  fields: InvalidField[]
}

/** The server said no. Its own words are for a log: people are told by `code`. */
export class Refused extends Error implements Why {
  readonly status: number
  readonly code: string
  readonly fields: InvalidField[]

  constructor(status: number, problem: Partial<Problem> | undefined) {
    super(problem?.detail || problem?.title || `The server answered ${status}.`)
    this.status = status
    this.code = problem?.code ?? 'unknown'
    this.fields = problem?.errors ?? []
  }

  /** Whether the same request may do better later. */
  get passing(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408 || this.status === 401
  }
}

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The data of an answer, or `Refused`. What `fetch` itself throws (no network) goes through as it is. */
export async function answer<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) throw new Refused(response.status, error as Partial<Problem> | undefined)
  return data as T
}
