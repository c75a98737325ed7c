// Something above the page: closed by escape, by the veil, or by its own doing.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

const REACHED = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled)';

// From the last field on to the first one, and back: the page below is out of reach.
function stay(event: KeyboardEvent, sheet: HTMLElement): void {
  const all = [...sheet.querySelectorAll<HTMLElement>(REACHED)];
  const edge = event.shiftKey ? all[0] : all.at(-1);
  const next = event.shiftKey ? all.at(-1) : all[0];
  if (document.activeElement !== edge && sheet.contains(document.activeElement)) return;
  event.preventDefault();
  next?.focus();
}

export function Sheet({ title, children, onClose }: { title: string; children: ComponentChildren; onClose: () => void }) {
  const sheet = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const first = sheet.current?.querySelector<HTMLElement>('[autofocus], input, button');
    first?.focus();
    const keys = (event: KeyboardEvent) => {
      if (event.key === 'Escape') {
        event.stopPropagation();
        onClose();
      } else if (event.key === 'Tab' && sheet.current) stay(event, sheet.current);
    };
    document.addEventListener('keydown', keys, true);
    return () => {
      document.removeEventListener('keydown', keys, true);
      before?.focus();
    };
  }, []);
  return (
    <div class="veil" onClick={(event) => event.target === event.currentTarget && onClose()}>
      <div class="sheet" role="dialog" aria-modal="true" aria-label={title} ref={sheet}>
        <h2>{title}</h2>
        {children}
      </div>
    </div>
  );
}
