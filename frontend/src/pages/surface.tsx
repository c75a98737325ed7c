// Surface: is the volatility that everything stands on right? Smiles among the quotes, what they miss, and how far they are from arbitrage.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Num } from '../components/number';
import { Empty, Panel, Problem } from '../components/panel';
import type { Scale } from '../components/plot';
import { AxisX, AxisY, Plot, linear, pathOf, ticksOf } from '../components/plot';
import { useReplayTopic } from '../components/replay';
import { age, day, fixed, instant, known, msOf, percent } from '../format';
import { useKeys } from '../keyboard';
import type { Head } from '../model';
import { go, setQuery, usePlace } from '../router';
import { useFrame } from '../store';
import type { Frame } from '../stream';

interface SmileRow {
  place: number;
  option_class: string;
  expiry_ns: string;
  days: number;
  years: number;
  forward: number | null;
  forward_error: number | null;
  forward_source: string;
  rate: number | null;
  rate_source: string;
  borrow: number | null;
  borrow_reason: string;
  kind: string;
  reason: string;
  warning: string;
  atm_vol: number | null;
  atm_vol_before: number | null;
  forward_vol: number | null;
  skew_vol_points: number | null;
  curvature_vol_points: number | null;
  risk_reversal_vol_points: number | null;
  butterfly_vol_points: number | null;
  series: number;
  points: number;
  two_sided: number;
  rmse_vol_points: number | null;
  share_inside: number | null;
  fit_rmse_vol_points: number | null;
  fit_share_inside: number | null;
  fit_share_within_half_spread: number | null;
  butterfly_min: number | null;
  calendar_gap_min: number | null;
  confidence: number;
}

interface LeftOut {
  place: number;
  symbol: string;
  strike: number;
  right: number;
  bid: number | null;
  ask: number | null;
  reason: string;
}

interface SurfaceData {
  underlying: string;
  names: string[];
  spot: number | null;
  spot_age_s: number | null;
  version: number;
  since_ns: string;
  reason: string;
  rmse_vol_points: number | null;
  share_inside: number | null;
  fit_rmse_vol_points: number | null;
  fit_share_inside: number | null;
  fit_share_within_half_spread: number | null;
  butterfly_min: number | null;
  calendar_gap_min: number | null;
  confidence: number;
  worst: string;
  worst_half_spreads: number | null;
  refused: number;
  expiries: SmileRow[];
  uses: { use: string; text: string; series: number }[];
  left_out: LeftOut[];
  left_out_count: number;
  problem?: string;
}

const FRESH_S = 60;
const KINDS: Record<string, string> = {
  essvi: 'the form that all expiries share',
  svi: 'raw SVI of its own',
  convex: 'raw SVI and a spline',
  refused: 'no smile of its own: read from its neighbours',
};

export function SurfacePage() {
  const place = usePlace();
  const head = useFrame<Head>('head');
  const name = place.parts[0] ?? head?.data.scopes.underlyings[0] ?? '';
  useEffect(() => {
    if (!place.parts[0] && name) go(`/surface/${encodeURIComponent(name)}${location.search}`, true);
  }, [name]);
  if (!name) return <Empty what={head ? 'No underlying is listed' : 'Waiting for the desk …'} />;
  return <One key={name} name={name} />;
}

function One({ name }: { name: string }) {
  const topic = `surface:${name}`;
  const frame = useFrame<SurfaceData>(topic);
  useReplayTopic(topic);
  const { query } = usePlace();
  const data = frame?.data;
  const count = data?.expiries?.length ?? 0;
  const wanted = Number(query.get('expiry') ?? 0);
  const at = Number.isInteger(wanted) && wanted >= 0 && wanted < count ? wanted : 0;
  const step = (by: number) => setQuery({ expiry: String(Math.max(0, Math.min(count - 1, at + by))) });
  useKeys({ j: () => step(1), k: () => step(-1), ']': () => step(1), '[': () => step(-1) }, [at, count]);
  if (data?.problem) return <Problem what={`No surface of ${name}`} why={data.problem} />;
  if (!frame || !data) return <Empty what={`Waiting for ${name} …`} />;
  const row = data.expiries[at];
  return (
    <div class="surface">
      <Bar data={data} at={frame.atNs} />
      <div class="smiles">
        {row ? <SmilePanel frame={frame} row={row} /> : <Panel title="Smile"><Empty what="No smile" why={data.reason} /></Panel>}
        <Expiries data={data} at={at} />
      </div>
      <div class="side">
        <Term data={data} at={at} />
        <Report data={data} />
        <LeftOutPanel data={data} place={at} />
      </div>
    </div>
  );
}

function Bar({ data, at }: { data: SurfaceData; at: bigint }) {
  const since = data.since_ns ? (msOf(at) - msOf(data.since_ns)) / 1000 : null;
  return (
    <div class="bar">
      <span class="group">
        {data.names.map((each) => (
          <button key={each} class={each === data.underlying ? 'on' : ''} onClick={() => go(`/surface/${encodeURIComponent(each)}`)}>
            {each}
          </button>
        ))}
      </span>
      <span class="soft">
        spot <Num value={data.spot} places={2} ageS={data.spot_age_s} freshS={FRESH_S} reason={`no price of ${data.underlying}`} test="surface-spot" />
      </span>
      <span class="soft" title="root mean square distance from the smiles to the middle of two-sided quotes, now">
        off by{' '}
        <b class="ink">
          <Num value={data.rmse_vol_points} places={2} unit="vol points" test="surface-rmse" /> pt
        </b>
      </span>
      <span class="soft" title="two-sided quotes between whose volatilities the smile lies, now">
        inside bid and ask <b class="ink">{percent(data.share_inside)}</b>
      </span>
      <Distance name="butterfly" value={data.butterfly_min} what="the least g(k): below 0 prices are not convex in strike" />
      <Distance name="calendar" value={data.calendar_gap_min} what="the least relative rise of total variance over the expiry before: below 0 a calendar spread could be arbitraged" />
      {data.refused > 0 && <span class="amber">▲ {data.refused} refused</span>}
      <span class="soft push" title={data.since_ns ? `took its place at ${instant(data.since_ns)}` : 'the same since anybody looked'}>
        fit {data.version}
        {known(since) ? `, ${age(since)} old` : ''}
      </span>
    </div>
  );
}

function Distance({ name, value, what }: { name: string; value: number | null; what: string }) {
  const bad = known(value) && value < 0;
  return (
    <span class={bad ? 'red' : 'soft'} title={what}>
      {bad && '■ '}
      {name} {bad ? 'arbitrage' : 'room'} <b class={bad ? '' : 'ink'}>{known(value) ? fixed(value, 2, true) : '–'}</b>
    </span>
  );
}

// Quotes and curve of one expiry, as plain columns.
interface Smile {
  k: number[];
  strike: number[];
  right: number[];
  bid: number[];
  mid: number[];
  ask: number[];
  vol: number[];
  before: number[];
  weight: number[];
  curveK: number[];
  curve: number[];
  ghost: number[];
}

function smileOf(frame: Frame<SurfaceData>, place: number): Smile {
  const of = (name: string) => frame.columns.get(name) ?? new Float64Array();
  const pick = (name: string, key: string) => {
    const [values, keys] = [of(name), of(key)];
    const out: number[] = [];
    for (let n = 0; n < keys.length; n++) if (keys[n] === place) out.push(values[n] as number);
    return out;
  };
  return {
    k: pick('k', 'expiry'),
    strike: pick('strike', 'expiry'),
    right: pick('right', 'expiry'),
    bid: pick('vol_bid', 'expiry'),
    mid: pick('vol_mid', 'expiry'),
    ask: pick('vol_ask', 'expiry'),
    vol: pick('vol', 'expiry'),
    before: pick('before', 'expiry'),
    weight: pick('weight', 'expiry'),
    curveK: pick('curve_k', 'curve_expiry'),
    curve: pick('curve_vol', 'curve_expiry'),
    ghost: pick('curve_before', 'curve_expiry'),
  };
}

const AXES: Record<string, string> = { strike: 'strike', k: 'ln(K/F)', sd: 'std. dev.', delta: 'delta' };
const DELTAS: [number, string][] = [
  [0.99, '1P'],
  [0.9, '10P'],
  [0.75, '25P'],
  [0.5, '50'],
  [0.25, '25C'],
  [0.1, '10C'],
  [0.01, '1C'],
];

// The normal quantile, to three digits: Abramowitz and Stegun 26.2.23, enough for a tick of an axis.
function quantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(Math.min(p, 1 - p)));
  const z = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
  return p < 0.5 ? -z : z;
}

function place(axis: string, row: SmileRow, k: number, vol: number): number {
  const deviation = (known(row.atm_vol) ? row.atm_vol : vol) * Math.sqrt(row.years);
  if (axis === 'k') return k;
  if (axis === 'sd') return k / deviation;
  if (axis === 'delta') return k / (vol * Math.sqrt(row.years)) - 0.5 * vol * Math.sqrt(row.years);
  return known(row.forward) ? row.forward * Math.exp(k) : k;
}

const finite = (values: number[]) => values.filter(Number.isFinite);

// What a picture shows: the strikes that are traded on, and the volatilities that matter there.
function frameOf(smile: Smile, row: SmileRow): { k: [number, number]; vol: [number, number] } {
  const deviation = (row.atm_vol ?? 0.2) * Math.sqrt(row.years);
  const near = smile.k.filter((k, n) => Number.isFinite(smile.bid[n]) && Math.abs(k) <= 5 * deviation);
  let [low, high] = [Math.min(...near, -2 * deviation), Math.max(...near, 2 * deviation)];
  [low, high] = [low - 0.04 * (high - low), high + 0.04 * (high - low)];
  const line = finite(smile.curve.filter((_, n) => (smile.curveK[n] as number) >= low && (smile.curveK[n] as number) <= high));
  const seen = (k: number) => k >= low && k <= high;
  const [bottom, top] = line.length ? [Math.min(...line), Math.max(...line)] : [Math.min(...finite(smile.mid)), Math.max(...finite(smile.mid))];
  const room = Math.max(0.35 * (top - bottom), 0.01);
  const bars = [...smile.bid, ...smile.ask].filter((vol, n) => seen(smile.k[n % smile.k.length] as number) && vol >= bottom - room && vol <= top + room);
  const [least, most] = [Math.min(bottom, ...bars), Math.max(top, ...bars)];
  const edge = 0.05 * (most - least) || 0.01;
  return { k: [low, high], vol: [Math.max(least - edge, 0), most + edge] };
}

function SmilePanel({ frame, row }: { frame: Frame<SurfaceData>; row: SmileRow }) {
  const { query } = usePlace();
  const axis = AXES[query.get('x') ?? ''] ? (query.get('x') as string) : 'strike';
  const [pointer, setPointer] = useState<number | null>(null);
  const smile = useMemo(() => smileOf(frame, row.place), [frame, row.place]);
  useKeys({ x: () => setQuery({ x: Object.keys(AXES)[(Object.keys(AXES).indexOf(axis) + 1) % 4] ?? null }) }, [axis]);
  const title = `${row.option_class} ${day(row.expiry_ns)} · ${daysOf(row)}`;
  const draw = (width: number, height: number) => <Picture smile={smile} row={row} axis={axis} width={width} height={height} pointer={pointer} />;
  return (
    <Panel
      class="smile"
      title={title}
      note={
        <span class="group">
          {Object.entries(AXES).map(([each, name]) => (
            <button key={each} class={each === axis ? 'on' : ''} onClick={() => setQuery({ x: each === 'strike' ? null : each })} title="x goes on to the next">
              {name}
            </button>
          ))}
        </span>
      }
    >
      {row.reason && <div class="why amber">▲ {row.reason}</div>}
      {row.warning && <div class="why">{row.warning}</div>}
      {smile.k.length + smile.curve.length > 0 ? <Plot draw={draw} onMove={setPointer} label={`smile of ${title}`} /> : <Empty what="No quote and no smile" why={row.reason} />}
      <div class="legend">
        <i class="bid" /> bid <i class="ask" /> ask <i class="now" /> smile <i class="then" /> fit before
        <span class="push">hollow: the smile lies outside the quote</span>
      </div>
    </Panel>
  );
}

interface PictureProps {
  smile: Smile;
  row: SmileRow;
  axis: string;
  width: number;
  height: number;
  pointer: number | null;
}

function Picture({ smile, row, axis, width, height, pointer }: PictureProps) {
  const range = frameOf(smile, row);
  const split = Math.round(height * 0.68);
  const upper = { left: 56, right: width - 14, top: 24, bottom: split - 22 };
  const lower = { ...upper, top: split + 22, bottom: height - 6 };
  const low = smile.vol[0] ?? row.atm_vol ?? 0.2;
  const high = smile.vol.at(-1) ?? row.atm_vol ?? 0.2;
  const x = linear(place(axis, row, range.k[0], low), place(axis, row, range.k[1], high), upper.left, upper.right);
  const y = linear(range.vol[0], range.vol[1], upper.bottom, upper.top);
  const at = smile.k.map((k, n) => x(place(axis, row, k, smile.vol[n] as number)));
  const shown = at.map((each) => each >= upper.left - 2 && each <= upper.right + 2);
  const hover = nearest(at, shown, pointer);
  const points = (values: number[]) => values.map((each, n) => 100 * (each - (smile.vol[n] as number)));
  const [down, up] = [points(smile.bid), points(smile.ask)];
  const far = Math.min(Math.max(0.1, ...down.concat(up).filter((each, n) => Number.isFinite(each) && shown[n % at.length]).map(Math.abs)), spread(down, up));
  const r = linear(-far * 1.1, far * 1.1, lower.bottom, lower.top);
  const inside = (n: number) => !((smile.vol[n] as number) < (smile.bid[n] as number) || (smile.vol[n] as number) > (smile.ask[n] as number));
  const money = x(place(axis, row, 0, row.atm_vol ?? 0.2));
  const curve = smile.curveK.map((k, n) => x(place(axis, row, k, smile.curve[n] as number)));
  return (
    <>
      <defs>
        <clipPath id="upper">
          <rect x={upper.left} y={upper.top - 6} width={upper.right - upper.left} height={upper.bottom - upper.top + 12} />
        </clipPath>
        <clipPath id="lower">
          <rect x={lower.left} y={lower.top} width={lower.right - lower.left} height={lower.bottom - lower.top} />
        </clipPath>
      </defs>
      <AxisY box={upper} y={y} ticks={ticksOf(100 * range.vol[0], 100 * range.vol[1], 6).map((each) => each / 100)} text={(each) => fixed(100 * each, 100 * (range.vol[1] - range.vol[0]) < 6 ? 1 : 0)} />
      <Ticks axis={axis} box={upper} x={x} range={[place(axis, row, range.k[0], low), place(axis, row, range.k[1], high)]} />
      <AxisY box={lower} y={r} ticks={ticksOf(-far, far, 5)} text={(each) => fixed(each, far < 1 ? 2 : 1, true)} />
      <text class="name" x={upper.left + 6} y={upper.top - 8}>
        implied vol, %
      </text>
      <text class="name" x={lower.left + 6} y={lower.top - 6}>
        quotes less smile, vol points
      </text>
      <g clip-path="url(#upper)">
        <line class="money" x1={money} x2={money} y1={upper.top} y2={upper.bottom} />
        <path class="ghost" d={pathOf(curve, smile.ghost.map(y))} />
        {at.map((each, n) => shown[n] && <QuoteBar key={n} x={each} bid={y(smile.bid[n] as number)} ask={y(smile.ask[n] as number)} mid={y(smile.mid[n] as number)} inside={inside(n)} hover={n === hover} />)}
        <path class="curve" d={pathOf(curve, smile.curve.map(y))} />
      </g>
      <g clip-path="url(#lower)">
        <line class="zero" x1={lower.left} x2={lower.right} y1={r(0)} y2={r(0)} />
        <path class="ghost" d={pathOf(at, points(smile.before).map(r))} />
        {at.map((each, n) => shown[n] && <QuoteBar key={n} x={each} bid={r(down[n] as number)} ask={r(up[n] as number)} mid={r(points(smile.mid)[n] as number)} inside={inside(n)} hover={n === hover} />)}
      </g>
      {hover >= 0 && <Told smile={smile} row={row} n={hover} x={at[hover] as number} upper={upper.top} lower={lower.bottom} right={upper.right} />}
    </>
  );
}

// A third of the widest would hide what the others miss: the scale is that of nine quotes in ten.
function spread(down: number[], up: number[]): number {
  const sizes = finite([...down, ...up]).map(Math.abs).sort((a, b) => a - b);
  return Math.max(0.1, 1.5 * (sizes[Math.floor(0.9 * (sizes.length - 1))] ?? 0.1));
}

function nearest(at: number[], shown: boolean[], pointer: number | null): number {
  if (pointer === null) return -1;
  let best = -1;
  at.forEach((each, n) => {
    if (shown[n] && (best < 0 || Math.abs(each - pointer) < Math.abs((at[best] as number) - pointer))) best = n;
  });
  return best;
}

function Ticks({ axis, box, x, range }: { axis: string; box: { left: number; right: number; top: number; bottom: number }; x: Scale; range: [number, number] }) {
  if (axis === 'delta') {
    const names = new Map(DELTAS.map(([delta, name]) => [-quantile(delta), name]));
    const ticks = [...names.keys()].filter((each) => each >= range[0] && each <= range[1]);
    return <AxisX box={box} x={x} ticks={ticks} text={(each) => names.get(each) ?? ''} />;
  }
  const ticks = ticksOf(range[0], range[1], (box.right - box.left) / 90);
  const step = (ticks[1] ?? 1) - (ticks[0] ?? 0);
  const places = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
  return <AxisX box={box} x={x} ticks={ticks} text={(each) => fixed(each, places, axis !== 'strike')} />;
}

function QuoteBar({ x, bid, ask, mid, inside, hover }: { x: number; bid: number; ask: number; mid: number; inside: boolean; hover: boolean }) {
  const [low, high] = [Number.isFinite(bid), Number.isFinite(ask)];
  return (
    <g class={`quote ${inside ? '' : 'outside'} ${hover ? 'here' : ''}`}>
      {low && high && <line x1={x} x2={x} y1={bid} y2={ask} />}
      {low && <line class="bid" x1={x - 4} x2={x + 4} y1={bid} y2={bid} />}
      {high && <line class="ask" x1={x - 4} x2={x + 4} y1={ask} y2={ask} />}
      {Number.isFinite(mid) && <circle cx={x} cy={mid} r={inside ? 1.8 : 3.2} />}
    </g>
  );
}

function Told({ smile, row, n, x, upper, lower, right }: { smile: Smile; row: SmileRow; n: number; x: number; upper: number; lower: number; right: number }) {
  const vol = (value: number | undefined) => (known(value) ? fixed(100 * value, 2) : '–');
  const mid = smile.mid[n] as number;
  const off = 100 * ((smile.vol[n] as number) - mid);
  const lines = [
    `${fixed(smile.strike[n], (smile.strike[n] ?? 0) % 1 ? 2 : 0)} ${smile.right[n] === 1 ? 'call' : 'put'}`,
    `bid ${vol(smile.bid[n])}  ask ${vol(smile.ask[n])}`,
    `smile ${vol(smile.vol[n])}${Number.isFinite(smile.before[n]) ? `, before ${vol(smile.before[n])}` : ''}`,
    `off the middle by ${fixed(off, 2, true)} pt`,
    `weight ${percent(smile.weight[n], 1)}, k ${fixed(smile.k[n], 3, true)}, ${fixed((smile.k[n] as number) / ((row.atm_vol ?? 0.2) * Math.sqrt(row.years)), 1, true)} sd`,
  ];
  const wide = 206;
  const left = x + 12 + wide > right ? x - 12 - wide : x + 12;
  return (
    <g class="told" pointer-events="none">
      <line x1={x} x2={x} y1={upper} y2={lower} />
      <rect x={left} y={upper} width={wide} height={lines.length * 16 + 10} rx="4" />
      {lines.map((each, at) => (
        <text key={at} x={left + 8} y={upper + 18 + at * 16} class={at === 0 ? 'strong' : ''}>
          {each}
        </text>
      ))}
    </g>
  );
}

// Head, unit, what it is, value, decimals, sign, why there is none or what to know; a narrow page leaves out the optional.
type ExpiryColumn = [string, string, string, (row: SmileRow) => number | null, number, boolean, (row: SmileRow) => string, boolean?];
const pct = (value: number | null) => (known(value) ? 100 * value : null);
const why = (row: SmileRow) => row.reason;
const COLUMNS: ExpiryColumn[] = [
  ['forward', 'price', 'where it comes from on hover', (row) => row.forward, 2, false, forwardOf],
  ['rate', '% a year', 'continuous; where it comes from on hover', (row) => pct(row.rate), 2, false, (row) => `from ${row.rate_source.replace('_', ' ')}`, true],
  ['ATM', 'vol %', 'volatility at the forward', (row) => pct(row.atm_vol), 2, false, why],
  ['change', 'pt', 'of it against the fit before', (row) => (known(row.atm_vol) && known(row.atm_vol_before) ? 100 * (row.atm_vol - row.atm_vol_before) : null), 2, true, () => 'nothing was fitted before'],
  ['skew', 'pt/sd', 'slope at the money for one standard deviation of ln(K/F)', (row) => row.skew_vol_points, 2, true, why],
  ['RR 25', 'pt', 'vol of the 25-delta call less that of the put', (row) => row.risk_reversal_vol_points, 2, true, why],
  ['fly 25', 'pt', 'mean vol of the two less the one at the money', (row) => row.butterfly_vol_points, 2, true, why, true],
  ['off by', 'pt', 'root mean square distance to the middle of two-sided quotes, now', (row) => row.rmse_vol_points, 2, false, (row) => (row.two_sided ? `at the fit ${fixed(row.fit_rmse_vol_points, 2)}` : 'no two-sided quote')],
  ['inside', '% of quotes', 'two-sided quotes between whose volatilities the smile lies, now', (row) => pct(row.share_inside), 0, false, (row) => (row.two_sided ? `at the fit ${percent(row.fit_share_inside)}, within half a spread ${percent(row.fit_share_within_half_spread)}` : 'no two-sided quote')],
  ['butterfly', 'least g', 'below 0 prices are not convex in strike', (row) => row.butterfly_min, 2, true, () => 'no smile'],
  ['calendar', 'least rise', 'of total variance over the expiry before, relative; below 0 a calendar spread could be arbitraged', (row) => row.calendar_gap_min, 2, true, (row) => (row.place ? 'no smile' : 'no expiry stands before it')],
  ['trust', '0 to 1', 'the share of quotes within half a spread, less where they are few', (row) => row.confidence, 2, false, why, true],
];

function forwardOf(row: SmileRow): string {
  const error = known(row.forward_error) ? ` ± ${fixed(row.forward_error, 2)}` : '';
  const borrow = known(row.borrow) ? `\nborrow ${fixed(100 * row.borrow, 2, true)} % a year${row.borrow_reason && `: ${row.borrow_reason}`}` : '';
  return `from ${row.forward_source}${error}${borrow}`;
}

function Expiries({ data, at }: { data: SurfaceData; at: number }) {
  return (
    <Panel title="Expiries" note="against the quotes of now; j k for the next" class="expiries">
      <table>
        <thead>
          <tr>
            <th class="text">expiry</th>
            {COLUMNS.map(([name, unit, title, , , , , optional]) => (
              <th key={name} class={optional ? 'optional' : ''} title={title}>
                {name}
                <small>{unit}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.expiries.map((row) => (
            <tr key={row.place} class={`pickable ${row.place === at ? 'at' : ''}`} onClick={() => setQuery({ expiry: String(row.place) })}>
              <td class="text" title={`${row.option_class}, ${row.series} series, ${row.points} quotes, ${row.two_sided} with two sides\n${KINDS[row.kind] ?? row.kind}${row.reason && `: ${row.reason}`}`}>
                {row.kind === 'refused' && <span class="amber">▲ </span>}
                {day(row.expiry_ns)} <span class="faint">{daysOf(row)}</span>
              </td>
              {COLUMNS.map(([name, , , value, places, sign, reason, optional]) => (
                <td key={name} class={`${optional ? 'optional' : ''} ${arbitraged(name, value(row)) ? 'red' : ''}`}>
                  <Num value={value(row)} places={places} sign={sign} reason={reason(row)} test={`${name}:${row.place}`} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

// Arbitrage, where a distance from it is below 0.
function arbitraged(name: string, value: number | null): boolean {
  return (name === 'butterfly' || name === 'calendar') && known(value) && value < 0;
}

function daysOf(row: SmileRow): string {
  return `${fixed(row.days, row.days < 10 ? 1 : 0)} d`;
}

function Term({ data, at }: { data: SurfaceData; at: number }) {
  const rows = data.expiries.filter((each) => known(each.atm_vol));
  const draw = (width: number, height: number) => {
    const box = { left: 44, right: width - 16, top: 22, bottom: height - 22 };
    const root = rows.map((each) => Math.sqrt(each.days));
    const vols = rows.flatMap((each) => [each.atm_vol, each.atm_vol_before, each.forward_vol]).filter(known);
    const [low, high] = [Math.min(...vols), Math.max(...vols)];
    const edge = Math.max(0.12 * (high - low), 0.001);
    const x = linear(0, Math.max(...root) * 1.04, box.left, box.right);
    const y = linear(low - edge, high + edge, box.bottom, box.top);
    const forward = rows.flatMap((each, n): [number, number][] => (known(each.forward_vol) ? [[x(n ? (root[n - 1] as number) : 0), y(each.forward_vol)], [x(root[n] as number), y(each.forward_vol)]] : []));
    const years = [1, 7, 14, 30, 61, 91, 182, 365, 730].filter((each) => Math.sqrt(each) <= Math.max(...root) * 1.04);
    return (
      <>
        <AxisY box={box} y={y} ticks={ticksOf(100 * (low - edge), 100 * (high + edge), 4).map((each) => each / 100)} text={(each) => fixed(100 * each, 1)} />
        <AxisX box={box} x={x} ticks={thin(years.map(Math.sqrt), x)} text={(each) => tenor(each * each)} />
        <text class="name" x={box.left + 4} y={box.top - 8}>
          ATM vol, % (steps: forward vol)
        </text>
        <path class="step" d={pathOf(forward.map((each) => each[0]), forward.map((each) => each[1]))} />
        <path class="ghost" d={pathOf(root.map(x), rows.map((each) => (known(each.atm_vol_before) ? y(each.atm_vol_before) : NaN)))} />
        <path class="curve" d={pathOf(root.map(x), rows.map((each) => y(each.atm_vol as number)))} />
        {rows.map((each, n) => (
          <circle key={each.place} class={`dot ${each.place === at ? 'here' : ''}`} cx={x(root[n] as number)} cy={y(each.atm_vol as number)} r={each.place === at ? 5 : 3.5} onClick={() => setQuery({ expiry: String(each.place) })}>
            <title>{`${day(each.expiry_ns)}: ${fixed(100 * (each.atm_vol as number), 2)} %${known(each.forward_vol) ? `, forward ${fixed(100 * each.forward_vol, 2)} %` : ''}`}</title>
          </circle>
        ))}
      </>
    );
  };
  return (
    <Panel title="Term structure" note="dashed: fit before" class="term">
      {rows.length ? <Plot draw={draw} label="volatility at the money by expiry" /> : <Empty what="No volatility at the money" why={data.reason} />}
    </Panel>
  );
}

function thin(ticks: number[], x: Scale): number[] {
  const out: number[] = [];
  for (const each of ticks) if (!out.length || x(each) - x(out.at(-1) as number) > 34) out.push(each);
  return out;
}

function tenor(days: number): string {
  const whole = Math.round(days);
  return whole < 30 ? `${whole} d` : whole < 360 ? `${Math.round(whole / 30.4)} m` : `${Math.round(whole / 365)} y`;
}

function Report({ data }: { data: SurfaceData }) {
  const rows: [string, string, string][] = [
    ...data.uses.map((each): [string, string, string] => [each.text, String(each.series), 'series']),
    ['off by at the fit', `${fixed(data.fit_rmse_vol_points, 2)} pt`, 'median over expiries, when the surface was published'],
    ['inside, near', `${percent(data.fit_share_inside)}, ${percent(data.fit_share_within_half_spread)}`, 'of two-sided quotes at the fit; near: inside, or within half a spread of the middle'],
    ['furthest now', known(data.worst_half_spreads) ? `${fixed(data.worst_half_spreads, 1)} half-spreads` : '–', `${data.worst || 'no two-sided quote'}: from its middle`],
    ['confidence, 0 to 1', fixed(data.confidence, 2), 'the share of quotes within half a spread, less where they are few; quotes widen as it falls'],
  ];
  return (
    <Panel title="Fit report" note={`${data.uses.reduce((sum, each) => sum + each.series, 0)} series`} class="report">
      <table class="plain">
        <tbody>
          {rows.map(([name, value, title]) => (
            <tr key={name} title={`${name}: ${title}`}>
              <td class="text cut">{name}</td>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function LeftOutPanel({ data, place: at }: { data: SurfaceData; place: number }) {
  const rows = data.left_out.filter((each) => each.place === at);
  const others = data.left_out_count - rows.length;
  return (
    <Panel title="Left out" note={`${rows.length} of this expiry${others > 0 ? `, ${others} of others` : ''}`} class="leftout">
      {rows.length === 0 && <Empty what="Every quote of this expiry is used" />}
      <table class="plain">
        <tbody>
          {rows.map((each) => (
            <tr key={each.symbol} title={`${each.symbol}: ${each.reason}`}>
              <td class="text">
                {fixed(each.strike, each.strike % 1 ? 2 : 0)} {each.right === 1 ? 'C' : 'P'}
              </td>
              <td>
                <Num value={each.bid} places={2} reason="nobody bids" /> / <Num value={each.ask} places={2} reason="nobody offers" />
              </td>
              <td class="text soft cut">{each.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
