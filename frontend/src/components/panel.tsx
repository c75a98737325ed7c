// A titled part of a page.
import type { ComponentChildren } from 'preact';

export function Panel({ title, note, children, class: kind = '' }: { title: ComponentChildren; note?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`panel ${kind}`}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span class="note">{note}</span>}
      </header>
      <div class="body">{children}</div>
    </section>
  );
}

// Nothing to show: what that means, and what to do.
export function Empty({ what, why = '' }: { what: string; why?: string }) {
  return (
    <div class="empty" role="status">
      <b>{what}</b>
      {why}
    </div>
  );
}

export function Problem({ what, why, again }: { what: string; why: string; again?: () => void }) {
  return (
    <div class="empty" role="alert">
      <b class="red">■ {what}</b>
      {why} {again && <button onClick={again}>try again</button>}
    </div>
  );
}
