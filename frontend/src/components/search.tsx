// Find a class, an underlying or a series, and go there.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { api } from '../api';
import type { Head } from '../model';
import { pages } from '../pages';
import { go } from '../router';
import { Sheet } from './sheet';

interface Found {
  label: string;
  what: string;
  to: string;
}

const MOST = 12;

export function SearchSheet({ head, onClose }: { head: Head | null; onClose: () => void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const [series, setSeries] = useState<Found[]>([]);
  const near = useMemo(() => {
    const wanted = text.trim().toUpperCase();
    const all: Found[] = [
      ...(head?.scopes.classes ?? []).map((each) => ({ label: each, what: 'class', to: `/class/${encodeURIComponent(each)}` })),
      ...pages.map((each) => ({ label: each.title, what: 'page', to: `/${each.path}` })),
    ];
    return all.filter((each) => each.label.toUpperCase().includes(wanted)).slice(0, MOST);
  }, [text, head]);

  useEffect(() => {
    setAt(0);
    const wanted = text.trim();
    if (wanted.length < 2) {
      setSeries([]);
      return undefined;
    }
    const timer = window.setTimeout(() => {
      api<{ symbol: string; option_class: string }[]>(`/class?search=${encodeURIComponent(wanted)}`).then(
        (found) => setSeries(found.map((each) => ({ label: each.symbol, what: 'series', to: `/class/${encodeURIComponent(each.option_class)}?series=${encodeURIComponent(each.symbol)}` }))),
        () => setSeries([]),
      );
    }, 120);
    return () => window.clearTimeout(timer);
  }, [text]);

  const found = [...near, ...series].slice(0, MOST);
  const open = (each: Found | undefined) => {
    if (!each) return;
    onClose();
    go(each.to);
  };
  return (
    <Sheet title="Search" onClose={onClose}>
      <input
        type="search"
        placeholder="class, series, page"
        value={text}
        autofocus
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setAt(Math.min(at + 1, found.length - 1));
          else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
          else if (event.key === 'Enter') open(found[at]);
          else return;
          event.preventDefault();
        }}
      />
      <ul class="found">
        {found.map((each, n) => (
          <li key={each.to} class={n === at ? 'at' : ''} onClick={() => open(each)} onMouseEnter={() => setAt(n)}>
            <span>{each.label}</span>
            <span class="faint">{each.what}</span>
          </li>
        ))}
        {!found.length && <li class="faint">nothing by that name</li>}
      </ul>
    </Sheet>
  );
}
