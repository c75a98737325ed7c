// Three captions for who sees it the first time; dismissed once and for all.
import { useState } from 'preact/hooks';

const KEY = 'flatbook.tour';
const STEPS = [
  ['What customers leave us with', 'Customers buy more than they sell. What we are left with stands at the top right: delta, gamma, vega, and what a gap would cost. At the left, the same against its limits, the worst first.'],
  ['One price for risk, three answers', 'Each unit of risk has a price. By it quotes lean and shrink, a hedge leaves once it is worth more than it costs, and options are traded back when a limit is near.'],
  ['Why, in sentences', 'Each decision is a line at the lower right, with its reason. Press ? for keys and pages; KILL stops everything.'],
] as const;

export function Tour() {
  const [at, setAt] = useState(localStorage.getItem(KEY) ? STEPS.length : 0);
  const step = STEPS[at];
  const to = (n: number) => {
    setAt(n);
    if (n >= STEPS.length) localStorage.setItem(KEY, 'seen');
  };
  if (!step) return null;
  return (
    <aside class="tour" role="note" data-test="tour">
      <b>{step[0]}</b>
      <p>{step[1]}</p>
      <button onClick={() => to(at + 1)}>{at + 1 < STEPS.length ? `next (${at + 1} of ${STEPS.length})` : 'done'}</button>{' '}
      <button class="plain" onClick={() => to(STEPS.length)}>
        do not show again
      </button>
    </aside>
  );
}
