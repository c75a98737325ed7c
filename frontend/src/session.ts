// Who sits here, and what they may do.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api, onSignedOut, setCsrf } from './api';
import type { Session } from './model';

let session: Session | null = null;
let asked = false;
const changed = new Set<() => void>();

function set(told: Session | null): void {
  session = told;
  asked = true;
  setCsrf(told?.csrf ?? '');
  for (const each of changed) each();
}

onSignedOut(() => {
  if (session) set(null);
});

function signedIn(told: Session): Session | null {
  return told.signed_in ? told : null;
}

export async function who(): Promise<Session | null> {
  try {
    set(signedIn(await api<Session>('/session/me')));
  } catch (e) {
    if (e instanceof ApiError && (e.status === 401 || e.status === 403)) set(null);
    else throw e;
  }
  return session;
}

export async function login(name: string, password: string): Promise<void> {
  set(signedIn(await api<Session>('/session/login', { body: { name, password } })));
}

export async function logout(): Promise<void> {
  await api('/session/logout', { body: {} });
  set(null);
}

// Give the password again, for what asks for a person at the keyboard.
export async function stepUp(password: string): Promise<void> {
  set(signedIn(await api<Session>('/session/step-up', { body: { password } })));
}

export function may(permission: string): boolean {
  return session?.permissions.includes(permission) ?? false;
}

export function useSession(): { session: Session | null; asked: boolean } {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((n) => n + 1);
    changed.add(listener);
    return () => void changed.delete(listener);
  }, []);
  return { session, asked };
}
