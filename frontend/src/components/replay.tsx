// The scrubber: in replay the whole interface shows a moment of the past, and says so. The address carries the moment: ?at=RECORD.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api, patient, setPast } from '../api';
import { clock, instant } from '../format';
import { useKeys } from '../keyboard';
import type { Head } from '../model';
import { setQuery, usePlace } from '../router';
import { frameOf, listen, put, replay as quiet } from '../store';
import type { Frame } from '../stream';
import { decode } from '../stream';

export interface Replay {
  on: boolean;
  sequence: number; // of the fact or cycle that is shown
  first: number;
  last: number;
  firstNs: string;
  lastNs: string;
  error: string;
  told: string; // what is waited for
  speed: number; // 0: it stands
  only: boolean; // there is no desk at work behind it
}

interface Ends {
  first: number;
  last: number;
  first_ns: string;
  last_ns: string;
}

interface Moment {
  sequence: number;
  at_ns: string;
}

const ENDS_MS = 5000;
const PLAY_MS = 200;
const STEPS = 10_000;

let state: Replay = { on: false, sequence: 0, first: 1, last: 1, firstNs: '', lastNs: '', error: '', told: '', speed: 0, only: false };
const changed = new Set<() => void>();
const wanted = new Set<string>(['head']);

function set(next: Partial<Replay>): void {
  state = { ...state, ...next };
  for (const each of changed) each();
}

// Show the desk as it was at a record of the journal, on whatever page is open.
export function showMoment(sequence: number, range?: { first: number; last: number }): void {
  if (!state.on) {
    quiet(true);
    void ends();
  }
  set({ on: true, sequence, error: '', told: '', ...range });
  setPast(sequence);
  setQuery({ at: String(sequence) });
  void load();
}

export function showNow(): void {
  setPast(null);
  quiet(false);
  set({ on: false, error: '', told: '', speed: 0 });
  setQuery({ at: null });
}

// Topics that a page shows, so that a moment of the past brings them too.
export function alsoReplay(topic: string): () => void {
  wanted.add(topic);
  if (state.on && !frameOf(topic)) void load();
  return () => void wanted.delete(topic);
}

export async function frameAt(sequence: number, topic: string): Promise<Frame> {
  const answer = await fetch(`/api/v1/moments/${sequence}?topic=${encodeURIComponent(topic)}`, { credentials: 'same-origin' }).catch(() => null);
  if (answer?.ok) return decode(await answer.arrayBuffer(), performance.now());
  const told = (await answer?.json().catch(() => null)) as { message?: string } | null;
  throw new ApiError(answer?.status ?? 0, told?.message ?? 'that moment cannot be shown');
}

async function load(): Promise<void> {
  const { sequence } = state;
  const here = () => state.on && state.sequence === sequence;
  try {
    for (const topic of wanted) {
      const frame = await patient(() => frameAt(sequence, topic), here, (e) => set({ told: e.message }));
      if (!here()) return;
      put(frame);
    }
    set({ error: '', told: '' });
  } catch (e) {
    if (here()) set({ error: e instanceof Error ? e.message : String(e), told: '', speed: 0 });
  }
}

async function ends(): Promise<void> {
  const now = (await fetch('/api/v1/head').then((answer) => answer.json()).catch(() => null)) as Head | null;
  set({ only: now?.mode === 'REPLAY' });
  try {
    const told = await api<Ends>('/journal');
    set({ first: told.first, last: told.last, firstNs: told.first_ns, lastNs: told.last_ns });
  } catch {
    // an archive without a journal tells its ends only
    await api<{ first: number; last: number }>('/moments').then(set, () => undefined);
  }
}

// One question at a time, and of those that come meanwhile only the newest.
let asking = false;
let next: string | null = null;

async function goTo(query: string): Promise<void> {
  if (asking) {
    next = query;
    return;
  }
  asking = true;
  try {
    const told = await api<Moment>(`/journal/decision?${query}`);
    if (state.on && told.sequence !== state.sequence) showMoment(told.sequence);
  } catch (e) {
    set({ error: e instanceof Error ? e.message : String(e), speed: 0 });
  }
  asking = false;
  const later = next;
  next = null;
  if (later !== null) await goTo(later);
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

// A moment in the address is shown, and one that is shown stays in the address.
function useAddress(): void {
  const place = usePlace();
  const at = Number(place.query.get('at'));
  const path = [place.page, ...place.parts].join('/');
  const before = useRef(path);
  useEffect(() => {
    if (at > 0 && at !== state.sequence) showMoment(at);
    else if (state.on && !at) {
      if (before.current === path && !state.only) showNow();
      else setQuery({ at: String(state.sequence) });
    }
    before.current = path;
  }, [at, path]);
  useEffect(
    () =>
      listen('head', () => {
        const head = frameOf<Head>('head');
        if (state.on || head?.data.mode !== 'REPLAY') return;
        set({ only: true });
        showMoment(at > 0 ? at : head.cycle);
      }),
    [],
  );
}

function usePlay(speed: number): void {
  useEffect(() => {
    if (!speed) return undefined;
    const since = performance.now();
    const from = frameOf('head')?.atNs ?? 0n;
    const timer = window.setInterval(() => {
      const to = from + BigInt(Math.round((performance.now() - since) * speed)) * 1_000_000n;
      if (state.told) return;
      if (to >= BigInt(state.lastNs || '0')) set({ speed: 0 });
      void goTo(`at_ns=${to}`);
    }, PLAY_MS);
    return () => window.clearInterval(timer);
  }, [speed]);
}

export function ReplayBanner() {
  const replay = useReplay();
  useAddress();
  usePlay(replay.on ? replay.speed : 0);
  useEffect(() => {
    if (!replay.on) return undefined;
    const timer = window.setInterval(() => void ends(), ENDS_MS);
    return () => window.clearInterval(timer);
  }, [replay.on]);
  return replay.on ? <Scrubber replay={replay} /> : null;
}

function Scrubber({ replay }: { replay: Replay }) {
  const head = frameOf('head');
  const step = (query: string) => {
    set({ speed: 0 });
    void goTo(query);
  };
  const back = () => step(`before=${replay.sequence}`);
  const on = () => step(`after=${replay.sequence}`);
  const play = (speed: number) => set({ speed: replay.speed === speed ? 0 : speed });
  useKeys({ ',': back, '.': on, ' ': () => play(replay.speed || 1) }, [replay.sequence, replay.speed]);
  const [from, to] = [BigInt(replay.firstNs || '0'), BigInt(replay.lastNs || '0')];
  const long = to > from ? to - from : 1n;
  const at = head ? Number(((head.atNs - from) * BigInt(STEPS)) / long) : 0;
  const seek = (value: number) => step(`at_ns=${from + (long * BigInt(value)) / BigInt(STEPS)}`);
  return (
    <div class="banner replay" role="status" data-test="replay">
      REPLAY
      <span class="group">
        <button onClick={back} title="the decision before (,)" aria-label="the decision before">
          ◂|
        </button>
        <button class={replay.speed === 1 ? 'on' : ''} onClick={() => play(1)} title="play as it was (space)">
          {replay.speed === 1 ? '❙❙' : '▶'} ×1
        </button>
        <button class={replay.speed === 10 ? 'on' : ''} onClick={() => play(10)} title="ten times as fast">
          {replay.speed === 10 ? '❙❙' : '▶'} ×10
        </button>
        <button onClick={on} title="the next decision (.)" aria-label="the next decision">
          |▸
        </button>
      </span>
      <time title={replay.firstNs && instant(replay.firstNs)}>{replay.firstNs && clock(replay.firstNs)}</time>
      <input type="range" min={0} max={STEPS} value={Math.max(0, Math.min(STEPS, at))} aria-label="moment of the journal" onInput={(event) => seek(Number(event.currentTarget.value))} />
      <time title={replay.lastNs && instant(replay.lastNs)}>{replay.lastNs && clock(replay.lastNs)}</time>
      <b class="moment" title={head ? instant(head.atNs) : ''} data-test="moment">
        {head ? clock(head.atNs, true) : '…'} <a href={`/journal?at=${replay.sequence}`}>#{replay.sequence}</a>
      </b>
      {replay.told && <span>… {replay.told}</span>}
      {replay.error && <span class="red">■ {replay.error}</span>}
      {!replay.only && (
        <button onClick={showNow} data-test="now">
          back to now
        </button>
      )}
    </div>
  );
}

// What a page shows, so that a moment of the past brings it too.
export function useReplayTopic(topic: string): void {
  useEffect(() => alsoReplay(topic), [topic]);
}
