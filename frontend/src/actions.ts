// What an operator does: every call carries why, and a key by which a repeat is known.
import { ApiError, api, code } from './api';

export const WHY_LEAST = 4;

export interface Change {
  name: string;
  before: number | null;
  after: number | null;
  unit: string;
}

export interface Preview {
  text: string;
  changes: Change[];
  warnings: string[];
  second_person?: boolean; // it would wait for one
}

export interface Done {
  state: 'done' | 'waiting' | 'denied';
  sequence: number | null;
  request_id: string | null;
  text: string;
}

// Whether it waits for the password alone.
export function asksPassword(e: unknown): boolean {
  return e instanceof ApiError && code(e.body) === 'step_up';
}

export function act<T = Done>(path: string, body: unknown): Promise<T> {
  return api<T>(`/actions${path}`, { body, headers: { 'Idempotency-Key': crypto.randomUUID() } });
}

export function preview(path: string, body: unknown): Promise<Preview> {
  return api<Preview>(`/actions${path}/preview`, { body });
}

// The person has armed it by opening the panel and confirmed by holding: both steps go out together.
// The journal wants a reason of four letters or more; a kill is never held up by that.
export async function kill(scope: string, name: string, why: string): Promise<Done> {
  const { arm_id } = await act<{ arm_id: string }>('/kill/arm', { scope, name, why: why.length < WHY_LEAST ? `operator ${why}`.trim() : why });
  return act('/kill/confirm', { arm_id });
}

export function release(scope: string, name: string, why: string): Promise<Done> {
  return act('/release', { scope, name, why });
}

export function acknowledge(alertId: string, why = 'seen'): Promise<Done> {
  return act('/alert/acknowledge', { alert_id: alertId, why });
}
