// Desk: do I have to act? Limits worst first, exposure by underlying, the last half hour, and the story in sentences.
import { useMemo, useRef, useState } from 'preact/hooks';
import { acknowledge } from '../actions';
import { Bullet } from '../components/bullet';
import type { Line, Mark } from '../components/chart';
import { Chart } from '../components/chart';
import { Num } from '../components/number';
import { Empty, Panel } from '../components/panel';
import { useReplay, useReplayTopic } from '../components/replay';
import { Tour } from '../components/tour';
import { clock, fixed, full, instant, known, msOf, percent, short } from '../format';
import { useKeys } from '../keyboard';
import type { Alert, Head } from '../model';
import { go, setQuery, usePlace } from '../router';
import { may } from '../session';
import { useFrame } from '../store';
import type { Frame } from '../stream';

export interface LimitRow {
  name: string;
  measure: string;
  scope: string;
  unit: string;
  value: number | null;
  unvalued: number | null;
  limit_hard: number;
  soft_share: number;
  critical_share: number;
  utilisation: number | null;
  minute_ago: number | null;
  step: string;
  action: string;
  where: string;
  reason: string;
  tightened: string[];
  overridden_until_ns: string;
}

interface ExposureRow {
  name: string;
  spot: number | null;
  spot_age_s: number | null;
  delta_usd: number | null;
  beta_delta_usd: number | null;
  hedge_delta_usd: number | null;
  band_usd: number | null;
  hedge: string;
  gamma_usd_per_pct: number | null;
  vega_usd_per_point: number | null;
  vega_weighted_usd_per_point: number | null;
  theta_usd_per_day: number | null;
  gap_usd: number | null;
  worst_gap_usd: number | null;
  unvalued: number;
  delta_bound_usd: number;
  vega_bound_usd_per_point: number;
  reason: string;
}

interface BucketRow {
  underlying: string;
  bucket: string;
  delta_usd: number | null;
  gamma_usd_per_pct: number | null;
  vega_usd_per_point: number | null;
  vega_weighted_usd_per_point: number | null;
  theta_usd_per_day: number | null;
}

interface PriceRow {
  underlying: string;
  spot_usd: number | null;
  vega_usd: number | null;
  skew_usd: number | null;
}

interface StoryRow {
  sequence: number;
  at_ns: string;
  kind: string;
  text: string;
  severity: string;
  underlying: string;
}

interface MarkRow {
  at_ns: string;
  underlying: string;
  symbol: string;
  quantity: number;
  price: number;
}

interface DeskData {
  gap_move: number;
  limits: LimitRow[];
  exposure: ExposureRow[];
  buckets: BucketRow[];
  desk: ExposureRow;
  beta_index: string;
  prices: PriceRow[];
  story: StoryRow[];
  history_of: string[];
  marks: MarkRow[];
}

const PCT = 0.01;
const FRESH_S = 60;

export function DeskPage() {
  const frame = useFrame<DeskData>('desk');
  const head = useFrame<Head>('head');
  useReplayTopic('desk');
  const place = usePlace();
  if (!frame) return <Empty what="Waiting for the desk …" why="It shows itself with its first decision." />;
  const { data } = frame;
  const wanted = place.query.get('underlying');
  const shown = wanted && data.history_of.includes(wanted) ? wanted : (largest(data.exposure) ?? data.history_of[0] ?? '');
  return (
    <div class="desk">
      <LimitsPanel limits={data.limits} alerts={head?.data.alerts ?? []} />
      <ExposurePanel data={data} shown={shown} />
      <HistoryPanel frame={frame} of={shown} />
      <StoryPanel story={data.story} />
      <Tour />
    </div>
  );
}

function largest(rows: ExposureRow[]): string | undefined {
  return [...rows].sort((a, b) => Math.abs(b.vega_usd_per_point ?? 0) - Math.abs(a.vega_usd_per_point ?? 0))[0]?.name;
}

const MEASURES: Record<string, string> = {
  series_contracts: 'series',
  class_contracts: 'class',
  net_contracts: 'net',
  gross_contracts: 'gross',
  same_side_contracts: 'one side',
  delta_usd: 'delta',
  gamma_usd_per_pct: 'gamma',
  vega_usd_per_point: 'vega',
  vega_weighted_usd_per_point: 'weighted vega',
  skew_usd_per_point: 'skew',
  theta_usd_per_day: 'theta',
  gap_loss_usd: 'gap loss',
  slide_loss_usd: 'slide loss',
  capital_usd: 'capital',
  margin_pct: 'margin',
  drawdown_usd: 'drawdown',
  var_usd: 'value at risk',
  es_usd: 'expected shortfall',
};

export function measureName(measure: string): string {
  return MEASURES[measure] ?? measure.replace(/_(usd|pct|per_s|per_min)$/g, '').replaceAll('_', ' ');
}

function LimitsPanel({ limits, alerts }: { limits: LimitRow[]; alerts: Alert[] }) {
  // Rows keep their places while the pointer is among them.
  const [frozen, setFrozen] = useState<string[] | null>(null);
  const [at, setAt] = useState(-1);
  const steps = useRef(new Map<string, { step: string; since: number; up: boolean }>());
  const order = frozen ? [...limits].sort((a, b) => place(frozen, a.name) - place(frozen, b.name)) : limits;
  useKeys(
    {
      j: () => setAt((n) => Math.min(n + 1, limits.length - 1)),
      k: () => setAt((n) => Math.max(n - 1, 0)),
      Enter: () => order[at] && go(`/limits?limit=${encodeURIComponent(order[at].name)}`),
    },
    [at, limits.length],
  );
  return (
    <Panel title="Limits, worst first" note="│ hard · thin mark: a minute ago">
      {alerts.length > 0 && <Alerts alerts={alerts} />}
      {limits.length === 0 && <Empty what="No limits are set" why="A desk without limits quotes as if nothing could go wrong: set some in [[limit]] of its file." />}
      <div class="limits" onMouseEnter={() => setFrozen(limits.map((each) => each.name))} onMouseLeave={() => setFrozen(null)}>
        {order.map((each, n) => (
          <Limit key={each.name} limit={each} here={n === at} flash={flashOf(steps.current, each)} />
        ))}
      </div>
    </Panel>
  );
}

function place(names: string[], name: string): number {
  const at = names.indexOf(name);
  return at < 0 ? names.length : at;
}

const STEPS = ['NORMAL', 'NOTIFY', 'ALERT', 'ESCALATE', 'HARD'];

// Something crossed a threshold: it is tinted for a second, and then calm.
function flashOf(seen: Map<string, { step: string; since: number; up: boolean }>, limit: LimitRow): string {
  const before = seen.get(limit.name);
  const now = performance.now();
  if (!before) {
    seen.set(limit.name, { step: limit.step, since: -1e9, up: false });
    return '';
  }
  if (before.step !== limit.step) {
    before.up = STEPS.indexOf(limit.step) > STEPS.indexOf(before.step);
    before.step = limit.step;
    before.since = now;
  }
  return now - before.since < 1000 ? `flash ${before.up ? 'up' : 'down'}` : '';
}

function Limit({ limit, here, flash }: { limit: LimitRow; here: boolean; flash: string }) {
  const title = [
    `${limit.name}: ${full(limit.value, limit.unit)} of ${full(limit.limit_hard, limit.unit)}`,
    limit.unvalued ? `and ${full(limit.unvalued)} as the worst case of what has no value` : '',
    limit.where && `decided by ${limit.where}`,
    limit.reason,
    ...limit.tightened.map((each) => `tighter: ${each}`),
    limit.overridden_until_ns && `overridden until ${instant(limit.overridden_until_ns)}`,
    `${limit.step}: ${limit.action}`,
  ]
    .filter(Boolean)
    .join('\n');
  return (
    <a class={`limit ${flash} ${here ? 'at' : ''}`} href={`/limits?limit=${encodeURIComponent(limit.name)}`} title={title} data-test={`limit:${limit.name}`} data-value={limit.utilisation ?? ''}>
      <span class="name">
        {measureName(limit.measure)} {limit.scope}
        <small>
          {short(limit.value, true)} / {short(limit.limit_hard)} {limit.measure === 'series_contracts' && limit.where}
        </small>
      </span>
      <Bullet share={limit.utilisation} ago={limit.minute_ago} soft={limit.soft_share} critical={limit.critical_share} step={limit.step} />
      <span class={`share ${known(limit.utilisation) ? '' : 'red'}`}>{known(limit.utilisation) ? percent(limit.utilisation) : '–'}</span>
      <span class={`chip ${limit.step}`}>
        {limit.step === 'HARD' ? '■ ' : limit.step === 'ALERT' || limit.step === 'ESCALATE' ? '▲ ' : ''}
        {limit.step === 'NORMAL' ? '' : limit.step}
      </span>
    </a>
  );
}

function Alerts({ alerts }: { alerts: Alert[] }) {
  const { on: past } = useReplay();
  const [told, setTold] = useState('');
  return (
    <ul class="alerts">
      {alerts.map((each) => (
        <li key={each.id} class={`${each.severity} ${each.acknowledged_by ? 'seen' : ''}`} title={`since ${instant(each.at_ns)}`}>
          <span class="text">{each.text}</span>
          {each.acknowledged_by ? (
            <span class="faint">seen by {each.acknowledged_by}</span>
          ) : (
            <button class="plain" disabled={!may('acknowledge') || past} onClick={() => acknowledge(each.id).then(undefined, (e: Error) => setTold(e.message))}>
              seen
            </button>
          )}
        </li>
      ))}
      {told && <li class="red">{told}</li>}
    </ul>
  );
}

function ExposurePanel({ data, shown }: { data: DeskData; shown: string }) {
  return (
    <Panel title="Exposure" note="USD, long is plus; Δ and its band per 1 % of spot" class="exposure">
      <table>
        <thead>
          <tr>
            <th class="text">underlying</th>
            <th class="optional">spot</th>
            <Head2 name="Δ" unit="k$/1 %" />
            <Head2 name="Δ hedge" unit="k$/1 %" title="delta with the volatility that comes with spot: what hedges and their band go by" />
            <Head2 name="band ±" unit="k$/1 %" />
            <Head2 name="Γ" unit="k$/1 %²" />
            <Head2 name="V" unit="k$/pt" />
            <Head2 name="V 30d" unit="k$/pt" kind="optional" />
            <Head2 name="Θ" unit="k$/day" />
            <Head2 name={`gap ${fixed(100 * data.gap_move, 0, true)} %`} unit="k$" />
          </tr>
        </thead>
        <tbody>
          {data.exposure.map((each) => (
            <>
              <Exposure key={each.name} row={each} here={data.exposure.length > 1 && each.name === shown} />
              {each.name === shown && data.buckets.filter((one) => one.underlying === shown).map((one) => <Bucket key={one.bucket} row={one} />)}
            </>
          ))}
          <Exposure row={data.desk} beta={data.beta_index} total />
        </tbody>
      </table>
      <div class="prices">
        {data.prices.map((each) => (
          <div key={each.underlying} title="what holding one more unit of it costs us; it leans every quote and decides every hedge">
            risk price {each.underlying}: spot <Price value={each.spot_usd} per="$ of delta" />, vega 1m <Price value={each.vega_usd} per="$ a point" />, skew{' '}
            <Price value={each.skew_usd} per="$ a point" /> for one more $
          </div>
        ))}
      </div>
    </Panel>
  );
}

function Head2({ name, unit, kind = '', title }: { name: string; unit: string; kind?: string; title?: string }) {
  return (
    <th class={kind} title={title}>
      {name}
      <small>{unit}</small>
    </th>
  );
}

function Price({ value, per }: { value: number | null; per: string }) {
  return (
    <b title={`${full(value, 'USD')} for one more ${per}`}>
      {known(value) ? `${fixed(100 * value, Math.abs(100 * value) < 0.0995 ? 3 : Math.abs(value) < 0.995 ? 1 : 0, true)} ¢` : '–'}
    </b>
  );
}

function Exposure({ row, beta = '', total = false, here = false }: { row: ExposureRow; beta?: string; total?: boolean; here?: boolean }) {
  const bounded = row.unvalued ? `${row.unvalued} held series have no value: at worst ± ${short(row.delta_bound_usd * PCT)} of delta per 1 %, ± ${short(row.vega_bound_usd_per_point)} of vega beside this` : '';
  const why = [row.reason, bounded].filter(Boolean).join('\n');
  const delta = total ? row.beta_delta_usd : row.delta_usd;
  const outside = known(row.hedge_delta_usd) && known(row.band_usd) && Math.abs(row.hedge_delta_usd) > row.band_usd;
  const test = (what: string) => `${what}:${row.name}`;
  const open = () => !total && setQuery({ underlying: row.name });
  return (
    <tr class={`${total ? 'total' : ''} ${here ? 'at' : ''}`} onClick={open}>
      <td class="text">
        {total ? <>desk{beta && <span class="faint"> β to {beta}</span>}</> : <a href={`/class?underlying=${encodeURIComponent(row.name)}`}>{row.name}</a>}
        {row.unvalued > 0 && (
          <span class="amber" title={bounded}>
            {' '}
            ▲{row.unvalued}
          </span>
        )}
      </td>
      <td class="optional">{total ? '' : <Num value={row.spot} places={2} reason={row.reason} ageS={row.spot_age_s} freshS={FRESH_S} />}</td>
      <td>
        <Num value={times(delta, PCT)} per={1000} unit="USD per 1 %" sign colour reason={why} test={test('delta')} />
      </td>
      <td title={row.hedge}>
        {outside && (
          <span class="amber" title={`outside the band within which no hedge trades\n${row.hedge}`}>
            ▲{' '}
          </span>
        )}
        {total ? '' : <Num value={times(row.hedge_delta_usd, PCT)} per={1000} unit="USD per 1 %" sign reason={row.hedge || 'no hedge is known for it'} test={test('hedge')} />}
      </td>
      <td class="soft">{total ? '' : <Num value={times(row.band_usd, PCT)} per={1000} unit="USD per 1 %" reason={row.hedge || 'no hedge is known for it'} />}</td>
      <td>
        <Num value={times(row.gamma_usd_per_pct, PCT)} per={1000} unit="USD per 1 % squared" sign colour reason={why} test={test('gamma')} />
      </td>
      <td>
        <Num value={row.vega_usd_per_point} per={1000} unit="USD per vol point" sign colour reason={why} test={test('vega')} />
      </td>
      <td class="optional">
        <Num value={row.vega_weighted_usd_per_point} per={1000} unit="USD per 30-day vol point" sign colour reason={why} />
      </td>
      <td>
        <Num value={row.theta_usd_per_day} per={1000} unit="USD per calendar day" sign colour reason={why} test={test('theta')} />
      </td>
      <td>
        <Num value={row.gap_usd} per={1000} unit="USD" sign colour reason={why} test={test('gap')} />
      </td>
    </tr>
  );
}

// What one expiry bucket adds to the underlying above it.
function Bucket({ row }: { row: BucketRow }) {
  const cell = (value: number | null, unit: string, kind = '') => (
    <td class={kind}>
      <Num value={value} per={1000} unit={unit} sign />
    </td>
  );
  return (
    <tr class="bucket">
      <td class="text">{row.bucket === 'linear' ? 'futures, shares' : row.bucket}</td>
      <td class="optional" />
      {cell(times(row.delta_usd, PCT), 'USD per 1 %')}
      <td />
      <td />
      {cell(times(row.gamma_usd_per_pct, PCT), 'USD per 1 % squared')}
      {cell(row.vega_usd_per_point, 'USD per vol point')}
      {cell(row.vega_weighted_usd_per_point, 'USD per 30-day vol point', 'optional')}
      {cell(row.theta_usd_per_day, 'USD per calendar day')}
      <td />
    </tr>
  );
}

function times(value: number | null, by: number): number | null {
  return known(value) ? value * by : null;
}

function HistoryPanel({ frame, of }: { frame: Frame<DeskData>; of: string }) {
  const { columns, data } = frame;
  const marks = useMemo<Mark[]>(
    () => data.marks.filter((each) => each.underlying === of).map((each) => ({ x: msOf(each.at_ns) / 1000, up: each.quantity > 0, text: `${each.quantity} ${each.symbol} @ ${each.price}` })),
    [data.marks, of],
  );
  const x = columns.get('at_s') ?? new Float64Array();
  const lines = useMemo(() => linesOf(frame, of), [frame, of]);
  return (
    <Panel
      class="history"
      title={`${of}, last 30 min`}
      note={
        data.history_of.length > 1 ? (
          <span class="group">
            {data.history_of.slice(0, 8).map((each) => (
              <button key={each} class={each === of ? 'on' : ''} onClick={() => setQuery({ underlying: each })}>
                {each}
              </button>
            ))}
          </span>
        ) : (
          '▲ hedge bought · ▼ hedge sold'
        )
      }
    >
      <div class="charts">
        <History title="hedge Δ and band" unit="$ per 1 %" x={x} lines={lines.delta} marks={marks} />
        <History title="vega" unit="$ per point" x={x} lines={lines.vega} />
        <History title="worst gap loss" unit="$" x={x} lines={lines.gap} sign={false} />
      </div>
    </Panel>
  );
}

function linesOf({ columns }: Frame<DeskData>, of: string): { delta: Line[]; vega: Line[]; gap: Line[] } {
  const pct = (values: ArrayLike<number>, by: number) => Array.from(values, (each) => each * by);
  const column = (name: string) => columns.get(`${name}:${of}`) ?? new Float32Array();
  return {
    delta: [
      { label: 'band', values: pct(column('band'), PCT), colour: '--rule', width: 1, fillTo: 1 },
      { label: 'band', values: pct(column('band'), -PCT), colour: '--rule', width: 1 },
      { label: 'delta', values: pct(column('delta'), PCT), colour: '--ink', width: 1.6 },
    ],
    vega: [{ label: 'vega', values: column('vega'), colour: '--accent', width: 1.4 }],
    gap: [{ label: 'gap loss', values: column('gap'), colour: '--short', width: 1.4 }],
  };
}

// Of an axis: no digit that tells nothing.
function axis(value: number): string {
  return short(value).replace(/\.0+(?=\D|$)/, '').replace(/(\.\d*?)0+(?=\D|$)/, '$1');
}

function History({ title, unit, x, lines, marks = [], sign = true }: { title: string; unit: string; x: ArrayLike<number>; lines: Line[]; marks?: Mark[]; sign?: boolean }) {
  const last = lines.at(-1)?.values;
  const now = last && last.length ? last[last.length - 1] : undefined;
  return (
    <div class="chart">
      <span class="title">
        {title}, {unit} <b>{short(now, sign)}</b>
      </span>
      <Chart x={x} lines={lines} marks={marks} format={axis} />
    </div>
  );
}

function StoryPanel({ story }: { story: StoryRow[] }) {
  return (
    <Panel title="What the desk is doing" note="newest first; its time shows that moment, its kind the record">
      {story.length === 0 && <Empty what="Nothing has happened yet" why="Each line will be a decision with its reason." />}
      <ul class="story">
        {story.map((each) => (
          <li key={`${each.sequence}:${each.text}`} class={each.severity} title={instant(each.at_ns)}>
            <time>
              <a href={`/desk?at=${each.sequence}`} title={`the desk at ${instant(each.at_ns)}`}>
                {clock(each.at_ns)}
              </a>
            </time>
            <a class="kind" href={`/journal?record=${each.sequence}`} title="its record in the journal">
              {each.kind}
            </a>
            <span class="text">{each.text}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
