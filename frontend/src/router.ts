// The address is the state of the view: a path and its query, and nothing else.
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  page: string;
  parts: string[];
  query: URLSearchParams;
}

const changed = new Set<() => void>();

// As it stands where it is no encoding at all: somebody may type anything.
function plain(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function place(): Place {
  const parts = location.pathname.split('/').filter(Boolean).map(plain);
  return { page: parts[0] ?? 'desk', parts: parts.slice(1), query: new URLSearchParams(location.search) };
}

export function go(address: string, replace = false): void {
  if (address === location.pathname + location.search) return;
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  for (const each of changed) each();
}

// Change parts of the query, and leave the rest.
export function setQuery(parts: Record<string, string | null>, replace = true): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(parts)) {
    if (value === null || value === '') query.delete(name);
    else query.set(name, value);
  }
  const told = query.toString();
  go(location.pathname + (told ? `?${told}` : ''), replace);
}

export function usePlace(): Place {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((n) => n + 1);
    changed.add(listener);
    window.addEventListener('popstate', listener);
    return () => {
      changed.delete(listener);
      window.removeEventListener('popstate', listener);
    };
  }, []);
  return place();
}

// Links of our own are followed without loading the page again.
export function followLinks(): void {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const anchor = (event.target as Element).closest('a');
    if (!anchor || anchor.origin !== location.origin || anchor.target || anchor.pathname.startsWith('/api')) return;
    event.preventDefault();
    go(anchor.pathname + anchor.search);
  });
}
