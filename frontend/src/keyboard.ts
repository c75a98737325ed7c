// Keys that work everywhere: `g` and a letter goes to a page, `/` searches, `?` helps; pages add their own.
import { useEffect } from 'preact/hooks';

type Handler = (event: KeyboardEvent) => void;
const own = new Map<string, Handler[]>();
let prefix = 0;

export function typing(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement;
  return at.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName);
}

// What a focused button or link does by itself.
export function pressing(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement;
  return (event.key === 'Enter' || event.key === ' ') && at.closest('button, a[href], summary') !== null;
}

// Above a page nothing of the page acts; stopping trading does.
function covered(event: KeyboardEvent): boolean {
  return event.key !== 'K' && document.querySelector('[aria-modal="true"]') !== null;
}

export function useKeys(keys: Record<string, Handler>, on: unknown[]): void {
  useEffect(() => {
    const entries = Object.entries(keys);
    for (const [key, handler] of entries) own.set(key, [...(own.get(key) ?? []), handler]);
    return () => {
      for (const [key, handler] of entries) own.set(key, (own.get(key) ?? []).filter((each) => each !== handler));
    };
  }, on);
}

export function listenKeys(goTo: (letter: string) => void): () => void {
  const listener = (event: KeyboardEvent) => {
    if (typing(event) || pressing(event) || covered(event) || event.metaKey || event.ctrlKey || event.altKey) return;
    const now = performance.now();
    if (event.key === 'g') {
      prefix = now;
      return;
    }
    if (prefix && now - prefix < 1500) {
      prefix = 0;
      event.preventDefault();
      goTo(event.key);
      return;
    }
    const handler = own.get(event.key)?.at(-1);
    if (handler) {
      event.preventDefault();
      handler(event);
    }
  };
  document.addEventListener('keydown', listener);
  return () => document.removeEventListener('keydown', listener);
}
