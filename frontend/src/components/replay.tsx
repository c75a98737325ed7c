// The scrubber: in replay the whole interface shows a moment of the past, and says so. The Journal page turns it on.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api';
import { clock, instant } from '../format';
import { setQuery, usePlace } from '../router';
import { put, replay as quiet } from '../store';
import { decode } from '../stream';
import { frameOf } from '../store';

export interface Replay {
  on: boolean;
  sequence: number; // of the fact or cycle that is shown
  first: number;
  last: number;
  error: string;
}

let state: Replay = { on: false, sequence: 0, first: 1, last: 1, error: '' };
const changed = new Set<() => void>();
const wanted = new Set<string>(['head']);

function set(next: Partial<Replay>): void {
  state = { ...state, ...next };
  for (const each of changed) each();
}

// Show the desk as it was at a sequence of the journal, on whatever page is open.
export function showMoment(sequence: number, range?: { first: number; last: number }): void {
  if (!state.on) quiet(true);
  set({ on: true, sequence, error: '', ...range });
  setQuery({ at: String(sequence) });
  if (!range && state.last <= 1) {
    void api<{ first: number; last: number }>('/moments').then(set, () => undefined);
  }
  void load();
}

export function showNow(): void {
  quiet(false);
  set({ on: false, error: '' });
  setQuery({ at: null });
}

// Topics that a page shows, so that a moment of the past brings them too.
export function alsoReplay(topic: string): () => void {
  wanted.add(topic);
  if (state.on && !frameOf(topic)) void load();
  return () => void wanted.delete(topic);
}

async function load(): Promise<void> {
  const { sequence } = state;
  for (const topic of wanted) {
    const answer = await fetch(`/api/v1/moments/${sequence}?topic=${encodeURIComponent(topic)}`, { credentials: 'same-origin' }).catch(() => null);
    if (!state.on || state.sequence !== sequence) return;
    if (!answer?.ok) {
      const told = (await answer?.json().catch(() => null)) as { message?: string } | null;
      set({ error: told?.message ?? 'that moment cannot be shown' });
      return;
    }
    put(decode(await answer.arrayBuffer(), performance.now()));
  }
  set({ error: '' });
}

export function useReplay(): Replay {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((n) => n + 1);
    changed.add(listener);
    return () => void changed.delete(listener);
  }, []);
  return state;
}

export function ReplayBanner() {
  const replay = useReplay();
  const at = Number(usePlace().query.get('at'));
  useEffect(() => {
    if (at > 0 && !state.on) showMoment(at);
  }, []);
  if (!replay.on) return null;
  const head = frameOf('head');
  const step = (by: number) => showMoment(Math.max(replay.first, Math.min(replay.last, replay.sequence + by)));
  return (
    <div class="banner replay" role="status" data-test="replay">
      REPLAY
      <button onClick={() => step(-1)} title="one back">
        ◀
      </button>
      <input type="range" min={replay.first} max={Math.max(replay.last, replay.sequence)} value={replay.sequence} aria-label="moment of the journal" onChange={(event) => showMoment(Number(event.currentTarget.value))} />
      <button onClick={() => step(1)} title="one on">
        ▶
      </button>
      <span title={head ? instant(head.atNs) : ''}>
        {head ? clock(head.atNs, true) : '…'} · #{replay.sequence}
      </span>
      {replay.error && <span class="red">■ {replay.error}</span>}
      <button onClick={showNow}>back to now</button>
    </div>
  );
}

// What a page shows, so that a moment of the past brings it too.
export function useReplayTopic(topic: string): void {
  useEffect(() => alsoReplay(topic), [topic]);
}
