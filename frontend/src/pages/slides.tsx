// Slides: what happens to us if the market moves? P&L or a Greek over spot and volatility, now or later, and the gaps.
import { useMemo, useRef } from 'preact/hooks';
import type { Line } from '../components/chart';
import { Chart } from '../components/chart';
import { HeatMap } from '../components/heat_map';
import { Empty, Panel, Problem } from '../components/panel';
import type { Told } from '../components/table';
import { num, Table } from '../components/table';
import { clock, fixed, known, percent, short } from '../format';
import { useKeys } from '../keyboard';
import { setQuery, usePlace } from '../router';
import { useApi } from '../store';

interface SlidesData {
  scope: string;
  scopes: string[];
  time: string;
  times: { time: string; label: string; at_ns: string; reason: string }[];
  show: string;
  book: string;
  unit: string;
  moves: number[];
  shifts_points: number[];
  values: (number | null)[][];
  profile_moves: number[];
  profile_now: (number | null)[];
  profile: (number | null)[];
  loss_limits: { name: string; limit_hard: number; utilisation: number | null }[];
  beyond: number;
  gaps: { move: number; pnl_usd: number | null; hedged_usd: number | null; share: number | null }[];
  series: number;
  unvalued: number;
  hedges: boolean;
  cycle: number;
  at_ns: string;
  took_ms: number;
  reason: string;
}

const SHOWS: Choice[] = [
  ['pnl', 'P&L'],
  ['delta', 'Δ'],
  ['gamma', 'Γ'],
  ['vega', 'V'],
  ['theta', 'Θ'],
];
const EVERY_MS = 5000;

// As told in a cell: delta and gamma per 1 % of spot, as on the Desk page.
const SCALE: Record<string, [number, string]> = {
  pnl: [1, '$'],
  delta: [0.01, '$ per 1 %'],
  gamma: [0.01, '$ per 1 %²'],
  vega: [1, '$ per vol point'],
  theta: [1, '$ per day'],
};

export function SlidesPage() {
  const { query } = usePlace();
  const [scope, time, show, book] = [query.get('scope') ?? 'desk', query.get('time') ?? 'now', query.get('show') ?? 'pnl', query.get('book') ?? 'held'];
  const found = useApi<SlidesData>(`/slides?scope=${encodeURIComponent(scope)}&time=${time}&show=${show}&book=${book}`, EVERY_MS);
  const before = useRef<SlidesData | null>(null);
  before.current = found.value ?? before.current;
  const value = before.current;
  const next = (list: string[], now: string) => list[(list.indexOf(now) + 1) % list.length] ?? now;
  useKeys({ s: () => value && setQuery({ scope: next(value.scopes, scope) }), m: () => setQuery({ show: next(SHOWS.map(([name]) => name), show) }), ...timeKeys(value, time) }, [value?.scopes.join(), value?.times, scope, show, time]);
  return (
    <div class="slides-page">
      <Bar value={value} scope={scope} time={time} show={show} book={book} />
      {found.error ? <Problem what="No slides" why={found.error} again={found.reload} /> : value ? <Panels value={value} /> : <Empty what="Revaluing the book …" />}
    </div>
  );
}

function timeKeys(value: SlidesData | null, time: string): Record<string, () => void> {
  const there = value?.times.filter((each) => each.at_ns).map((each) => each.time) ?? [];
  const go = (by: number) => {
    const to = there[Math.max(0, Math.min(there.length - 1, there.indexOf(time) + by))];
    if (to) setQuery({ time: to });
  };
  return { '[': () => go(-1), ']': () => go(1) };
}

type Choice = [name: string, label: string, refused?: string];

function Choices({ of, choices, now, title }: { of: string; choices: Choice[]; now: string; title: string }) {
  return (
    <span class="group" title={title}>
      {choices.map(([name, label, refused = '']) => (
        <button key={name} class={name === now ? 'on' : ''} disabled={refused !== '' && name !== now} title={refused} onClick={() => setQuery({ [of]: name })} data-test={`${of}:${name}`}>
          {label}
        </button>
      ))}
    </span>
  );
}

function Bar({ value, scope, time, show, book }: { value: SlidesData | null; scope: string; time: string; show: string; book: string }) {
  const at = value?.times.findIndex((each) => each.time === time) ?? 0;
  return (
    <div class="bar">
      <Choices of="scope" choices={(value?.scopes ?? [scope]).slice(0, 12).map((each): Choice => [each, each])} now={scope} title="whose (s)" />
      <Choices of="show" choices={SHOWS} now={show} title="what (m)" />
      <span class="times">
        <input type="range" min={0} max={3} value={Math.max(0, at)} aria-label="when" onInput={(event) => pick(value, Number(event.currentTarget.value))} />
        <Choices of="time" choices={(value?.times ?? []).map((each): Choice => [each.time, each.label, each.reason])} now={time} title="when ([ and ])" />
      </span>
      <Choices of="book" choices={[['held', 'as held'], ['hedged', 'once hedged', value?.hedges === false ? 'nothing is proposed now: both are the same' : '']]} now={book} title="which book" />
      {value && (
        <span class="soft right" title={`cycle ${value.cycle}: full revaluation of ${value.series} series`}>
          {value.series} series · {clock(value.at_ns)} · {value.took_ms.toFixed(0)} ms
        </span>
      )}
    </div>
  );
}

function pick(value: SlidesData | null, place: number): void {
  const wanted = value?.times[place];
  if (wanted?.at_ns) setQuery({ time: wanted.time });
}

function Panels({ value }: { value: SlidesData }) {
  const [scale, unit] = SCALE[value.show] ?? [1, value.unit];
  const shifts = useMemo(() => value.shifts_points.map((_, n) => n).reverse(), [value.shifts_points.length]);
  const cell = (row: number, column: number) => (value.values[column]?.[shifts[row] ?? 0] ?? Number.NaN) * scale;
  const name = SHOWS.find(([each]) => each === value.show)?.[1] ?? '';
  const when = value.times.find((each) => each.time === value.time);
  const limit = value.show === 'pnl' ? value.loss_limits[0] : undefined;
  const flat = value.shifts_points.indexOf(0);
  const still = value.moves.indexOf(0);
  return (
    <>
      <Panel
        title={`${name} of ${value.scope}, ${unit}`}
        note={
          <>
            spot to the right, volatility upwards in points · {when?.label} ·{' '}
            {value.show !== 'pnl' ? (
              <>framed: now</>
            ) : limit ? (
              <span class={value.beyond ? 'red' : ''} title={limit.name}>
                {value.beyond ? `■ ${value.beyond} cells lose` : 'no cell loses'} more than {short(limit.limit_hard)} ({limit.name})
              </span>
            ) : (
              `no limit on losses of ${value.scope} is set`
            )}
          </>
        }
      >
        {value.reason && (
          <p class="why amber">
            ▲ {value.reason}
          </p>
        )}
        {value.unvalued > 0 && <p class="why amber">▲ {value.unvalued} series have no value: they count at the most that they can lose</p>}
        <div class="heat" data-test="heat" data-value={known(value.values[still]?.[flat]) ? String(value.values[still]?.[flat]) : ''}>
          <HeatMap
            rows={shifts.map((each) => fixed(value.shifts_points[each], 0, true))}
            columns={value.moves.map((each) => fixed(100 * each, 0, true))}
            value={cell}
            mark={[shifts.indexOf(flat), still]}
            {...(limit ? { limit: limit.limit_hard } : {})}
            label={`${name} over moves of spot in percent and shifts of volatility in points`}
          />
        </div>
      </Panel>
      <div class="side-by-side">
        <Profile value={value} scale={scale} unit={unit} name={name} />
        <Gaps value={value} />
      </div>
    </>
  );
}

function Profile({ value, scale, unit, name }: { value: SlidesData; scale: number; unit: string; name: string }) {
  const x = useMemo(() => value.profile_moves.map((each) => 100 * each), [value.profile_moves]);
  const later = value.time !== 'now';
  const limit = value.show === 'pnl' ? value.loss_limits[0] : undefined;
  const lines = useMemo<Line[]>(() => {
    const of = (values: (number | null)[]) => values.map((each) => (known(each) ? each * scale : Number.NaN));
    const lowest = Math.min(0, ...of(value.profile_now).filter(known));
    const near = limit && lowest < -0.3 * limit.limit_hard;
    return [
      ...(near ? [{ label: 'loss limit', values: x.map(() => -limit.limit_hard), colour: '--red', width: 1, dash: [6, 3] }] : []),
      { label: 'now', values: of(value.profile_now), colour: later ? '--faint' : '--accent', width: 1.6, ...(later ? { dash: [4, 3] } : {}) },
      ...(later ? [{ label: value.time.replace('_', ' '), values: of(value.profile), colour: '--accent', width: 1.6 }] : []),
    ];
  }, [value]);
  return (
    <Panel title={`${name} along spot`} note={later ? `line: ${value.times.find((each) => each.time === value.time)?.label}, dashed: now` : 'now, volatility following spot'}>
      <div class="chart">
        <span class="title">{unit}, against the move of spot in %</span>
        <Chart x={x} lines={lines} time={false} format={(told) => short(told)} formatX={(told) => `${fixed(told, Number.isInteger(told) ? 0 : 1, true)} %`} />
      </div>
    </Panel>
  );
}

type Gap = SlidesData['gaps'][number];

function gapColumns({ hedges, reason, loss_limits }: SlidesData): Told<Gap>[] {
  const why = reason || 'it cannot be valued';
  return [
    { head: 'spot', kind: 'text', cell: (row) => `${fixed(100 * row.move, 0, true)} %` },
    num('P&L now', 'k$', (row) => row.pnl_usd, (row) => ({ per: 1000, sign: true, colour: true, unit: 'USD', reason: why, test: `gap:${row.move}` })),
    hedges ? num('once hedged', 'k$', (row) => row.hedged_usd, () => ({ per: 1000, sign: true, unit: 'USD', reason: why }), 'soft') : { head: 'once hedged', unit: 'k$', kind: 'faint', cell: () => 'same' },
    {
      head: 'of the limit',
      unit: '%',
      cell: (row) => (known(row.share) ? <b class={row.share > 1 ? 'red' : ''}>{percent(row.share, row.share < 0.1 ? 1 : 0)}</b> : <span title={loss_limits.length ? 'it does not lose' : 'no limit on losses is set'}>–</span>),
    },
    { head: '', kind: 'text optional', cell: (row) => known(row.share) && <progress class={row.share > 1 ? 'over' : ''} max={1} value={Math.min(1, row.share)} /> },
  ];
}

function Gaps({ value }: { value: SlidesData }) {
  const limit = value.loss_limits[0];
  return (
    <Panel title="Gap ladder" note={limit ? `against ${short(limit.limit_hard)} $ (${limit.name})` : `no limit on losses of ${value.scope} is set`}>
      <Table columns={gapColumns(value)} rows={value.gaps} row={(each) => ({ key: String(each.move) })} />
    </Panel>
  );
}
