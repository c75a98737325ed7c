// Small pictures in SVG: a box that knows its size, scales, ticks, axes. For few points that want their own shapes.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export type Scale = (value: number) => number;

export function linear(low: number, high: number, from: number, to: number): Scale {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

// Round numbers between two others, about as many as wanted.
export function ticksOf(low: number, high: number, wanted: number): number[] {
  if (!(high > low)) return [];
  const rough = (high - low) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999) ?? 10) * power;
  const out: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) out.push(Math.abs(at) < step * 1e-6 ? 0 : at);
  return out;
}

// A path through what is known; a gap where it is not.
export function pathOf(x: ArrayLike<number>, y: ArrayLike<number>): string {
  let out = '';
  let pen = false;
  for (let n = 0; n < x.length; n++) {
    const [a, b] = [x[n] as number, y[n] as number];
    if (!Number.isFinite(a) || !Number.isFinite(b)) {
      pen = false;
      continue;
    }
    out += `${pen ? 'L' : 'M'}${a.toFixed(1)} ${b.toFixed(1)}`;
    pen = true;
  }
  return out;
}

export function Plot({ draw, onMove, label }: { draw: (width: number, height: number) => ComponentChildren; onMove?: (x: number | null) => void; label: string }) {
  const host = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const at = host.current;
    if (!at) return undefined;
    const look = () => setSize({ width: at.clientWidth, height: at.clientHeight });
    look();
    const watch = new ResizeObserver(look);
    watch.observe(at);
    return () => watch.disconnect();
  }, []);
  return (
    <div class="plot" ref={host} onPointerMove={onMove && ((event) => onMove(event.clientX - (host.current?.getBoundingClientRect().left ?? 0)))} onPointerLeave={onMove && (() => onMove(null))}>
      {size.width > 40 && size.height > 30 && (
        <svg width={size.width} height={size.height} role="img" aria-label={label}>
          {draw(size.width, size.height)}
        </svg>
      )}
    </div>
  );
}

export function AxisY({ box, y, ticks, text }: { box: Box; y: Scale; ticks: number[]; text: (value: number) => string }) {
  return (
    <g class="axis">
      {ticks.map((each) => (
        <g key={each}>
          <line x1={box.left} x2={box.right} y1={y(each)} y2={y(each)} />
          <text x={box.left - 6} y={y(each) + 4} text-anchor="end">
            {text(each)}
          </text>
        </g>
      ))}
    </g>
  );
}

export function AxisX({ box, x, ticks, text, labels = true }: { box: Box; x: Scale; ticks: number[]; text: (value: number) => string; labels?: boolean }) {
  return (
    <g class="axis">
      {ticks.map((each) => (
        <g key={each}>
          <line x1={x(each)} x2={x(each)} y1={box.top} y2={box.bottom} />
          {labels && (
            <text x={x(each)} y={box.bottom + 15} text-anchor="middle">
              {text(each)}
            </text>
          )}
        </g>
      ))}
    </g>
  );
}
