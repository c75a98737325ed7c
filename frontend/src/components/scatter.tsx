// Points, cost to the right against risk removed upwards, on axes of square roots: small trades are told apart, and what is worth its cost is above a straight line.
import { short } from '../format';
import type { Box } from './plot';
import { AxisX, AxisY, linear, Plot } from './plot';

export interface Dot {
  key: string;
  x: number;
  y: number;
  kind: string; // class of the mark, and its shape
  label: string; // told beside it; empty: not
  title: string;
  edge: boolean; // nothing beats it in both
}

const STEPS = [5, 2, 1];

function root(value: number): number {
  return Math.sign(value) * Math.sqrt(Math.abs(value));
}

// Round numbers that stand apart on an axis of roots.
function ticks(low: number, high: number): number[] {
  const most = Math.max(-low, high);
  const apart = root(most) / 8;
  const out = [0];
  let last = Number.POSITIVE_INFINITY;
  for (let power = Math.ceil(Math.log10(most)); power > -3; power--) {
    for (const step of STEPS) {
      const value = step * 10 ** power;
      if (value > most || root(value) < apart || root(last) - root(value) < apart) continue;
      last = value;
      if (value <= high) out.push(value);
      if (-value >= low) out.push(-value);
    }
  }
  return out;
}

export function Scatter({ dots, xLabel, yLabel, chosen, onPick }: { dots: Dot[]; xLabel: string; yLabel: string; chosen: string; onPick: (key: string) => void }) {
  const right = 1.08 * Math.max(1, ...dots.map((each) => each.x));
  const top = 1.12 * Math.max(1, ...dots.map((each) => each.y));
  const bottom = Math.max(Math.min(0, ...dots.map((each) => each.y)), -top / 8); // what adds more risk stands at the lower edge
  const fair = Math.min(right, top);
  const edge = dots.filter((each) => each.edge).sort((a, b) => a.x - b.x);
  const text = (value: number) => short(value).replace(/\.0+(?=\D|$)/, '');
  const draw = (width: number, height: number) => {
    const box: Box = { left: 52, top: 20, right: width - 20, bottom: height - 30 };
    const across = linear(0, root(right), box.left, box.right);
    const up = linear(root(bottom), root(top), box.bottom, box.top);
    const [x, y] = [(value: number) => across(root(value)), (value: number) => up(root(Math.max(value, bottom)))];
    return (
      <g class="scatter">
        <AxisX box={box} x={x} ticks={ticks(0, right)} text={text} />
        <AxisY box={box} y={y} ticks={ticks(bottom, top)} text={text} />
        <text x={box.right} y={height - 2} text-anchor="end">
          {xLabel}
        </text>
        <text x={box.left} y={12}>
          {yLabel}
        </text>
        <polygon class="not-worth" points={`${x(0)},${y(0)} ${x(fair)},${y(fair)} ${x(right)},${y(fair)} ${x(right)},${y(0)}`} />
        <path class="fair" d={`M${x(0)} ${y(0)}L${x(fair)} ${y(fair)}`} />
        <path class="edge" d={`M${x(0)} ${y(0)}${edge.map((each) => `L${x(each.x)} ${y(each.y)}`).join('')}`} />
        {[...dots].reverse().map((each) => {
          const [a, b] = [x(each.x), y(each.y)];
          const left = a > width - 160;
          return (
            <g key={each.key} class={`pt ${each.kind} ${each.key === chosen ? 'at' : ''}`} onClick={() => onPick(each.key)}>
              <title>{each.title}</title>
              <path d={mark(each.kind, a, b)} />
              <text x={a + (left ? -10 : 10)} y={b + (each.kind.startsWith('hedge') ? 17 : 4)} text-anchor={left ? 'end' : 'start'}>
                {each.label}
              </text>
            </g>
          );
        })}
      </g>
    );
  };
  return <Plot draw={draw} label={`${yLabel} against ${xLabel}`} />;
}

function mark(kind: string, x: number, y: number): string {
  if (kind.startsWith('instrument')) return `M${x - 4} ${y - 4}h8v8h-8z`;
  if (/^(alternative|nothing)/.test(kind)) return `M${x} ${y - 6}l6 6-6 6-6-6z`;
  const r = /^(plan|hedge)/.test(kind) ? 7 : 4;
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}
