// A grid of numbers as colours, on a canvas: blue gains, orange loses, and the figures are in the cells where there is room.
import { useEffect, useRef, useState } from 'preact/hooks';
import { known, short } from '../format';
import { useTheme } from '../theme';
import { colour } from './chart';

export interface HeatMapProps {
  rows: string[]; // labels from top to bottom
  columns: string[]; // labels from left to right
  value: (row: number, column: number) => number;
  mark?: [number, number]; // the cell of now
  limit?: number; // a contour is drawn where the value falls below minus this
  label?: string;
  onPick?: (row: number, column: number) => void;
}

const LEFT = 64;
const TOP = 20;

export function HeatMap(props: HeatMapProps) {
  const { rows, columns, value, label = '' } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 600, height: 400 });
  const theme = useTheme();

  useEffect(() => {
    const host = canvas.current?.parentElement;
    if (!host) return undefined;
    const watch = new ResizeObserver(() => setSize({ width: host.clientWidth, height: host.clientHeight }));
    watch.observe(host);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    if (element) draw(element, props, size);
  }, [props, size, theme]);

  const cellAt = (event: MouseEvent): [number, number] | null => {
    const row = Math.floor(((event.offsetY - TOP) / (size.height - TOP)) * rows.length);
    const column = Math.floor(((event.offsetX - LEFT) / (size.width - LEFT)) * columns.length);
    return row >= 0 && row < rows.length && column >= 0 && column < columns.length ? [row, column] : null;
  };

  return (
    <canvas
      class="canvas"
      ref={canvas}
      role="img"
      aria-label={label}
      onMouseMove={(event) => {
        const cell = cellAt(event);
        const element = event.currentTarget;
        element.title = cell ? `${rows[cell[0]]} × ${columns[cell[1]]}: ${short(value(...cell), true)}` : '';
      }}
      onClick={(event) => {
        const cell = cellAt(event);
        if (cell) props.onPick?.(...cell);
      }}
    />
  );
}

function draw(element: HTMLCanvasElement, { rows, columns, value, mark, limit }: HeatMapProps, { width, height }: { width: number; height: number }): void {
  const scale = devicePixelRatio || 1;
  element.width = width * scale;
  element.height = height * scale;
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
  const ctx = element.getContext('2d');
  if (!ctx) return;
  ctx.scale(scale, scale);
  ctx.clearRect(0, 0, width, height);
  const [w, h] = [(width - LEFT) / columns.length, (height - TOP) / rows.length];
  let most = 0;
  for (let r = 0; r < rows.length; r++) for (let c = 0; c < columns.length; c++) if (known(value(r, c))) most = Math.max(most, Math.abs(value(r, c)));
  const [up, down, ink, soft, raised] = ['--long', '--short', '--ink', '--soft', '--raised'].map(colour) as [string, string, string, string, string];
  ctx.font = '11px system-ui, sans-serif';
  ctx.textBaseline = 'middle';
  for (let r = 0; r < rows.length; r++) {
    ctx.textAlign = 'right';
    ctx.fillStyle = soft;
    ctx.fillText(rows[r] ?? '', LEFT - 6, TOP + (r + 0.5) * h);
    for (let c = 0; c < columns.length; c++) {
      const told = value(r, c);
      const [x, y] = [LEFT + c * w, TOP + r * h];
      ctx.globalAlpha = known(told) && most > 0 ? 0.08 + 0.62 * Math.sqrt(Math.abs(told) / most) : 1;
      ctx.fillStyle = !known(told) ? raised : told === 0 ? raised : told > 0 ? up : down;
      ctx.fillRect(x + 0.5, y + 0.5, w - 1, h - 1);
      ctx.globalAlpha = 1;
      if (w > 40 && h > 13) {
        ctx.textAlign = 'center';
        ctx.fillStyle = ink;
        ctx.fillText(short(told, true), x + w / 2, y + h / 2);
      }
    }
  }
  ctx.fillStyle = soft;
  ctx.textAlign = 'center';
  columns.forEach((each, c) => ctx.fillText(each, LEFT + (c + 0.5) * w, TOP / 2));
  if (limit !== undefined) contour(ctx, rows.length, columns.length, (r, c) => value(r, c) < -limit, w, h);
  if (mark) {
    ctx.strokeStyle = ink;
    ctx.lineWidth = 2;
    ctx.strokeRect(LEFT + mark[1] * w + 1, TOP + mark[0] * h + 1, w - 2, h - 2);
  }
}

function contour(ctx: CanvasRenderingContext2D, rows: number, columns: number, beyond: (r: number, c: number) => boolean, w: number, h: number): void {
  ctx.strokeStyle = colour('--red');
  ctx.lineWidth = 2;
  ctx.beginPath();
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (!beyond(r, c)) continue;
      const [x, y] = [LEFT + c * w, TOP + r * h];
      const edges: [boolean, number, number, number, number][] = [
        [r > 0 && !beyond(r - 1, c), x, y, x + w, y],
        [r < rows - 1 && !beyond(r + 1, c), x, y + h, x + w, y + h],
        [c > 0 && !beyond(r, c - 1), x, y, x, y + h],
        [c < columns - 1 && !beyond(r, c + 1), x + w, y, x + w, y + h],
      ];
      for (const [there, x1, y1, x2, y2] of edges) {
        if (!there) continue;
        ctx.moveTo(x1, y1);
        ctx.lineTo(x2, y2);
      }
    }
  }
  ctx.stroke();
}
