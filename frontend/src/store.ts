// What the stream said last of each topic, and who wants to know. Components draw once a frame of the screen at most.
import { useEffect, useState } from 'preact/hooks';
import { api, listenPast, pastOf } from './api';
import type { Frame, LinkState } from './stream';
import { Link } from './stream';

type Listener = () => void;

const frames = new Map<string, Frame>();
const listeners = new Map<string, Set<Listener>>();
const linkListeners = new Set<Listener>();
const dirty = new Set<string>();
let scheduled = false;
let wanting = false;
let replaying = false;

export const SILENT_MS = 5000; // a desk at work shows itself five times a second
let headNow: Frame | undefined;

export const link = { state: 'connecting' as LinkState, why: '', lastMs: 0 };

const connection = new Link(
  {
    frame(frame) {
      link.lastMs = frame.receivedMs;
      if (frame.topic === 'head') headNow = frame;
      if (!replaying) put(frame);
    },
    state(state, why) {
      link.state = state;
      link.why = why;
      for (const each of linkListeners) each();
    },
  },
  async () => (await api<{ ticket: string }>('/session/ticket', { method: 'POST', body: {} })).ticket,
);

export function start(): void {
  connection.start();
}

export function put(frame: Frame): void {
  frames.set(frame.topic, frame);
  dirty.add(frame.topic);
  if (scheduled) return;
  scheduled = true;
  // A hidden page gets no animation frames: it draws what is newest once it is shown.
  requestAnimationFrame(() => {
    scheduled = false;
    const topics = [...dirty];
    dirty.clear();
    for (const topic of topics) for (const each of listeners.get(topic) ?? []) each();
  });
}

// While a moment of the past is shown, what comes from now is not.
export function replay(on: boolean): void {
  replaying = on;
  if (on) frames.clear();
}

function want(): void {
  if (wanting) return;
  wanting = true;
  queueMicrotask(() => {
    wanting = false;
    connection.want([...listeners].filter(([, set]) => set.size > 0).map(([topic]) => topic));
  });
}

export function listen(topic: string, listener: Listener): () => void {
  const set = listeners.get(topic) ?? new Set();
  listeners.set(topic, set);
  set.add(listener);
  want();
  return () => {
    set.delete(listener);
    want();
  };
}

export function frameOf<T>(topic: string): Frame<T> | undefined {
  return frames.get(topic) as Frame<T> | undefined;
}

// The newest frame of a topic; the component draws again when there is one.
export function useFrame<T>(topic: string): Frame<T> | undefined {
  const [, draw] = useState(0);
  useEffect(() => listen(topic, () => draw((n) => n + 1)), [topic]);
  return frameOf<T>(topic);
}

export function useLink(): typeof link {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((n) => n + 1);
    linkListeners.add(listener);
    return () => void linkListeners.delete(listener);
  }, []);
  return link;
}

// Seconds since the stream said anything, once that is longer than it ever should be; 0: all is well.
export function useSilence(): number {
  const [silent, setSilent] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => {
      const ms = link.lastMs && link.state === 'live' ? performance.now() - link.lastMs : 0;
      setSilent(ms > SILENT_MS ? Math.floor(ms / 1000) : 0);
    }, 1000);
    return () => window.clearInterval(timer);
  }, []);
  return silent;
}

// The header of now, whatever moment the pages show.
export function useNow<T>(on: boolean): Frame<T> | undefined {
  const [, draw] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    const timer = window.setInterval(() => draw((n) => n + 1), 500);
    return () => window.clearInterval(timer);
  }, [on]);
  return headNow as Frame<T> | undefined;
}

// Something asked of the API, again whenever `key` changes; every `everyMs` where it is given.
export function useApi<T>(path: string | null, everyMs = 0): { value: T | null; error: string; reload: () => void } {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState('');
  const [turn, setTurn] = useState(0);
  const [, draw] = useState(0);
  useEffect(() => listenPast(() => draw((n) => n + 1)), []);
  const moment = path === null ? '' : pastOf(path);
  useEffect(() => setValue(null), [path]);
  useEffect(() => {
    if (path === null) return undefined;
    let gone = false;
    const ask = () =>
      api<T>(path).then(
        (told) => {
          if (gone) return;
          setValue(told);
          setError('');
        },
        (e: Error) => {
          if (!gone) setError(e.message);
        },
      );
    void ask();
    const timer = everyMs && !moment ? window.setInterval(() => void ask(), everyMs) : 0;
    return () => {
      gone = true;
      window.clearInterval(timer);
    };
  }, [path, everyMs, turn, moment]);
  return { value, error, reload: () => setTurn((n) => n + 1) };
}
