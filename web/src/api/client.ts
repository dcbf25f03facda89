// The REST API, typed by its OpenAPI document. Each request carries the access token of the
// session; after a 401 the token is renewed and the request retried once. Other retries are up to
// the caller.
import createClient from 'openapi-fetch'
import type { paths } from './schema'
import type { InvalidField, Problem } from './types'

export interface TokenSource {
  /**
   * An access token; renewed if it is about to expire, or if it is `stale`, which the server
   * refused.
   */
  token(stale?: string): Promise<string>
}

export function connectApi(tokens: TokenSource, baseUrl = location.origin) {
  return createClient<paths>({
    baseUrl,
    // Arrays as `ids=a,b`.
    querySerializer: { array: { style: 'form', explode: false } },
    fetch: async request => {
      const token = await tokens.token()
      const retry = request.clone()
      const response = await fetch(withToken(request, token))
      if (response.status !== 401) return response
      return fetch(withToken(retry, await tokens.token(token)))
    },
  })
}

export type Api = ReturnType<typeof connectApi>

function withToken(request: Request, token: string): Request {
  request.headers.set('authorization', `Bearer ${token}`)
  return request
}

/** For requests without a token: signing in and up, invitations. */
export const publicApi = createClient<paths>({ baseUrl: typeof location === 'undefined' ? '' : location.origin })

/** Why the server refused a request, as codes. ui/errors.ts has the sentences. */
export interface Refusal {
  code: string
  fields: InvalidField[]
}

/** An error response of the server. `message` is for logs; users see the sentence of `code`. */
export class ApiError extends Error implements Refusal {
  readonly status: number
  readonly code: string
  readonly fields: InvalidField[]

  constructor(status: number, problem: Partial<Problem> | undefined) {
    super(problem?.detail || problem?.title || `The server answered ${status}.`)
    this.status = status
    this.code = problem?.code ?? 'unknown'
    this.fields = problem?.errors ?? []
  }

  /** Whether a retry may succeed. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408 || this.status === 401
  }
}

interface ApiResult<T> {
  data?: T
  error?: unknown
  response: Response
}

/**
 * The data of a response; throws `ApiError` for an error response. Network errors of `fetch` pass
 * through.
 */
export async function unwrap<T>(call: Promise<ApiResult<T>>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) throw new ApiError(response.status, error as Partial<Problem> | undefined)
  return data as T
}
