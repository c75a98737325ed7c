// Lines over time, drawn by uPlot in the colours of the theme.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { useTheme } from '../theme';

export interface Line {
  values: ArrayLike<number>;
  label: string;
  colour: string; // name of a CSS variable
  width?: number;
  dash?: number[];
  fillTo?: number; // place of the line up to which the band is filled
  bars?: boolean; // filled bars in place of a line; later ones stand before earlier ones
  told?: ArrayLike<number>; // what is told of it on hover, where that is not `values`
}

export interface Mark {
  x: number;
  up: boolean;
  text: string;
}

export interface ChartProps {
  x: ArrayLike<number>;
  lines: Line[];
  marks?: Mark[];
  time?: boolean; // x is seconds
  format?: (value: number) => string;
  formatX?: (value: number) => string;
  zero?: boolean; // 0 is always in sight
  onPick?: (x: number) => void;
}

const gaps = (values: ArrayLike<number>): (number | null)[] => Array.from(values, (each) => (Number.isFinite(each) ? each : null));

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;
  const theme = useTheme();
  const shape = props.lines.map((each) => `${each.label}|${each.colour}|${each.fillTo ?? ''}`).join(';');

  useEffect(() => {
    const at = host.current;
    if (!at) return undefined;
    const chart = new uPlot(options(now, at), data(now.current), at);
    plot.current = chart;
    const watch = new ResizeObserver(() => {
      if (at.clientWidth > 20 && at.clientHeight > 20) chart.setSize({ width: at.clientWidth, height: at.clientHeight });
    });
    watch.observe(at);
    return () => {
      watch.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [shape, theme]);

  useEffect(() => {
    plot.current?.setData(data(props));
  }, [props.x, props.lines, props.marks]);

  return <div class="canvas" ref={host} />;
}

function data(props: ChartProps): uPlot.AlignedData {
  return [Array.from(props.x), ...props.lines.map((each) => gaps(each.values))] as uPlot.AlignedData;
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(now: { current: ChartProps }, at: HTMLElement): uPlot.Options {
  const { lines, time = true, zero = true, formatX } = now.current;
  const axis = { stroke: colour('--faint'), grid: { stroke: colour('--grid'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const bands = lines.flatMap((each, n) => (each.fillTo === undefined ? [] : [{ series: [n + 1, each.fillTo + 1] as [number, number], fill: colour('--band') }]));
  return {
    width: Math.max(at.clientWidth, 40),
    height: Math.max(at.clientHeight, 40),
    padding: [22, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), 'UTC'),
    scales: {
      x: { time, ...(lines.some((each) => each.bars) ? { range: (chart, low, high) => { const half = (high - low || 60) / Math.max(chart.data[0].length - 1, 1) / 2; return [low - half, high + half]; } } : {}) },
      y: {
        range: (_, low, high) => {
          let [bottom, top] = [low, high];
          if (!Number.isFinite(bottom) || !Number.isFinite(top)) return [-1, 1];
          if (zero) [bottom, top] = [Math.min(bottom, 0), Math.max(top, 0)];
          const room = (top - bottom || Math.abs(top) || 1) * 0.08;
          return [bottom - room, top + room];
        },
      },
    },
    axes: [
      { ...axis, size: 22, values: (_, ticks) => ticks.map((each) => (formatX ?? (time ? ((ticks.at(-1) ?? 0) - (ticks[0] ?? 0) < 240 ? seconds : hours) : String))(each)) },
      { ...axis, size: 52, values: (_, ticks) => ticks.map((each) => (now.current.format ?? String)(each)) },
    ],
    series: [
      {},
      ...lines.map((each) => ({
        label: each.label,
        stroke: colour(each.colour),
        width: each.width ?? 1.5,
        points: { show: false },
        spanGaps: false,
        ...(each.dash ? { dash: each.dash } : {}),
        ...(each.bars ? { fill: colour(each.colour), paths: uPlot.paths.bars!({ size: [0.85, 14] }) } : {}),
      })),
    ],
    bands,
    hooks: {
      draw: [(chart) => drawMarks(chart, now.current.marks ?? [])],
      setCursor: [(chart) => tell(chart, now.current)],
    },
  };
}

function hours(seconds: number): string {
  return new Date(seconds * 1e3).toISOString().slice(11, 16);
}

function drawMarks(chart: uPlot, marks: Mark[]): void {
  const { ctx, bbox } = chart;
  const size = 4 * devicePixelRatio;
  ctx.save();
  for (const mark of marks) {
    const x = chart.valToPos(mark.x, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const base = mark.up ? bbox.top + bbox.height - 2 : bbox.top + 2;
    ctx.fillStyle = colour(mark.up ? '--long' : '--short');
    ctx.beginPath();
    ctx.moveTo(x, base + (mark.up ? -2 : 2) * size);
    ctx.lineTo(x - size, base);
    ctx.lineTo(x + size, base);
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
}

function tell(chart: uPlot, props: ChartProps): void {
  const at = chart.cursor.idx;
  const root = chart.root;
  if (at === null || at === undefined) {
    root.title = '';
    return;
  }
  const x = chart.data[0][at];
  const format = props.format ?? String;
  const lines = props.lines.map((each, n) => {
    const value = (each.told ?? chart.data[n + 1])?.[at];
    return `${each.label} ${value === null || value === undefined ? '–' : format(value)}`;
  });
  const when = x === undefined ? '' : (props.formatX ?? (props.time === false ? String : seconds))(x);
  root.title = [when, ...lines].join('\n');
}

function seconds(at: number): string {
  return new Date(at * 1e3).toISOString().slice(11, 19);
}
