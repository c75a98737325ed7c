// The API of the desk, with the token that proves that this page asked.

let csrf = '';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly body: unknown = null,
  ) {
    super(message);
  }
}

// While a moment of the past is shown, what a page asks for is of that moment.
let past = '';
const pastChanged = new Set<() => void>();
const OF_NOW = /^\/(actions|explain|journal|moments|session|users)/;
const AGAIN_MS = 500;

export function setPast(sequence: number | null): void {
  past = sequence === null ? '' : `/moments/${sequence}`;
  for (const each of pastChanged) each();
}

export function pastOf(path: string): string {
  return past && !OF_NOW.test(path) ? past : '';
}

export function listenPast(listener: () => void): () => void {
  pastChanged.add(listener);
  return () => void pastChanged.delete(listener);
}

// The journal is still taken again up to that moment: ask once more, as long as somebody wants it.
export async function patient<T>(ask: () => Promise<T>, wanted: () => boolean, told: (e: ApiError) => void = () => undefined): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 503 || !wanted()) throw e;
      told(e);
      await new Promise((done) => setTimeout(done, AGAIN_MS));
      if (!wanted()) throw e;
    }
  }
}

export function setCsrf(token: string): void {
  csrf = token;
}

let signedOut = (): void => undefined;

// Told whenever the desk says that nobody is signed in any more.
export function onSignedOut(told: () => void): void {
  signedOut = told;
}

interface Options {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export async function api<T>(path: string, options: Options = {}): Promise<T> {
  const method = options.method ?? (options.body === undefined ? 'GET' : 'POST');
  const moment = method === 'GET' ? pastOf(path) : '';
  if (moment) return patient(() => asked<T>(method, moment + path, options), () => past === moment);
  return asked<T>(method, path, options);
}

async function asked<T>(method: string, path: string, options: Options): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && csrf) headers['X-CSRF-Token'] = csrf;
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, init);
  } catch {
    throw new ApiError(0, 'the desk does not answer');
  }
  const told: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.status === 401 && code(told) === 'not_signed_in') signedOut();
  if (!answer.ok) throw new ApiError(answer.status, reason(told) || `${answer.status} ${answer.statusText}`, told);
  return told as T;
}

// Of a refusal, for programs.
export function code(told: unknown): string {
  return typeof told === 'object' && told !== null && 'error' in told ? String(told.error) : '';
}

function reason(told: unknown): string {
  if (typeof told !== 'object' || told === null) return '';
  const { message, fields } = told as { message?: unknown; fields?: string[] };
  if (typeof message !== 'string') return '';
  return fields?.length ? `${message}: ${fields.join(', ')}` : message;
}
