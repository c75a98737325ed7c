// A bar in a row of a table, on a scale that its rows share: from one value to another, and where zero is.
export function RowBar({ from = 0, to, low = 0, high, kind = '', before }: { from?: number; to: number; low?: number; high: number; kind?: string; before?: number | undefined }) {
  const x = (value: number) => (1000 * (value - low)) / (high - low || 1);
  const mark = (at: number, y1: number, y2: number, of: string) => <line class={of} x1={x(at)} x2={x(at)} y1={y1} y2={y2} vector-effect="non-scaling-stroke" />;
  return (
    <svg class="rowbar" viewBox="0 0 1000 24" preserveAspectRatio="none">
      {mark(0, 0, 24, 'zero')}
      {from !== to && <rect class={kind || (to < from ? 'minus' : 'plus')} x={x(Math.min(from, to))} y="5" width={Math.max(x(Math.max(from, to)) - x(Math.min(from, to)), 1.5)} height="14" />}
      {before !== undefined && mark(before, 0, 5, 'step')}
      {before !== undefined && mark(to, 19, 24, 'step')}
    </svg>
  );
}
