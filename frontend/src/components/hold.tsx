// A button that acts only once it has been held: for what cannot be taken back.
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';

export const HOLD_MS = 800;

export function Hold({ children, onDone, danger = false, disabled = false, test, ms = HOLD_MS }: { children: ComponentChildren; onDone: () => void; danger?: boolean; disabled?: boolean; test?: string; ms?: number }) {
  const timer = useRef(0);
  const [held, setHeld] = useState(false);
  const begin = () => {
    if (disabled || timer.current) return;
    setHeld(true);
    timer.current = window.setTimeout(() => {
      end();
      onDone();
    }, ms);
  };
  const end = () => {
    window.clearTimeout(timer.current);
    timer.current = 0;
    setHeld(false);
  };
  const isKey = (event: KeyboardEvent) => event.key === ' ' || event.key === 'Enter';
  return (
    <button
      type="button"
      class={`hold ${danger ? 'danger' : ''} ${held ? 'held' : ''}`}
      disabled={disabled}
      data-test={test}
      title="press and hold"
      onPointerDown={begin}
      onPointerUp={end}
      onPointerLeave={end}
      onPointerCancel={end}
      onBlur={end}
      onKeyDown={(event) => {
        if (isKey(event)) {
          event.preventDefault();
          begin();
        }
      }}
      onKeyUp={(event) => isKey(event) && end()}
    >
      <span class="fill" />
      {children}
    </button>
  );
}
