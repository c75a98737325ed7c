// Hedges: what would we trade to be safe? Candidates by cost and risk removed, the plan that is best, orders at work, and what those that are done cost.
import { useRef, useState } from 'preact/hooks';
import { ActSheet } from '../components/act_sheet';
import { Num } from '../components/number';
import { Empty, Panel, Problem } from '../components/panel';
import { useReplay, useReplayTopic } from '../components/replay';
import type { Dot } from '../components/scatter';
import { Scatter } from '../components/scatter';
import type { Told } from '../components/table';
import { num, Table } from '../components/table';
import { age, clock, fixed, full, instant, known, percent, scaled, short } from '../format';
import { useKeys } from '../keyboard';
import { setQuery, usePlace } from '../router';
import { may } from '../session';
import { useApi, useFrame } from '../store';

interface TradeLine {
  side: string;
  contracts: number;
  symbol: string;
  price: number | null;
  cost_usd: number | null;
  basis_deviation_usd: number | null;
  delta_after_usd: number | null;
  delta_usd: number | null;
  effectiveness: number | null;
  followed: string;
  why: string;
}

interface Proposal {
  id: string;
  underlying: string;
  delta_before_usd: number | null;
  band_usd: number | null;
  legs: TradeLine[];
  alternatives: TradeLine[];
  delta_after_usd: number | null;
  deviation_before_usd: number | null;
  deviation_after_usd: number | null;
  cost_usd: number | null;
  schedule: { symbol: string; minutes: number | null; reason: string }[];
  policies: { policy: string; in_force: boolean; band_usd: number | null; trade_usd: number | null; cost_usd: number | null }[];
  reason: string;
}

interface HedgeOrder {
  client_id: number;
  symbol: string;
  side: number;
  price: number;
  quantity: number;
  open: number;
  done_share: number;
  state: string;
  age_s: number;
  bid: number | null;
  ask: number | null;
  away_usd: number | null;
  risk_usd: number | null;
  reason: string;
}

interface WaitingLine {
  id: string;
  underlying: string;
  side: string;
  state: 'waits' | 'rejected' | 'approved' | 'unasked';
  trade: string;
  delta_usd: number;
  delta_before_usd: number | null;
  delta_after_usd: number | null;
  cost_usd: number | null;
  deviation_before_usd: number | null;
  deviation_after_usd: number | null;
  waits_s: number;
  left_s: number | null;
  owner: string;
  why: string;
}

interface HedgesData {
  proposals: Proposal[];
  waiting: WaitingLine[];
  answers: { at_ns: string; text: string }[];
  approve_above_usd: number | null;
  decided_by: string;
  sends_hedges: boolean;
  sends_offsets: boolean;
  offset_every_s: number;
  offset_leaves: boolean;
  working: HedgeOrder[];
  working_left_out: number;
  done: { at_ns: string; symbol: string; side: number; quantity: number; price: number; shortfall_usd: number | null }[];
  shortfall: {
    symbol: string;
    fills: number;
    bought: number;
    sold: number;
    unknown: number;
    shortfall_usd: number | null;
    fees_usd: number | null;
    per_contract_usd: number | null;
    expected_per_contract_usd: number | null;
    reason: string;
  }[];
  since_ns: string;
}

interface Point {
  name: string;
  kind: string;
  legs: { symbol: string; contracts: number }[];
  cost_usd: number | null;
  risk_removed_usd: number | null;
  deviation_left_usd: number | null;
  rows_broken: number;
  breach_removed: number | null;
  worse_by_usd: number | null;
  worth: boolean;
  edge: boolean;
  chosen: boolean;
  why: string;
}

interface Menu {
  scope: string;
  scopes: string[];
  points: Point[];
  status: string;
  over_days: number;
  deviation_before_usd: number | null;
  risk_before_usd: number | null;
  gap_usd: number | null;
  notes: string[];
  cycle: number;
  at_ns: string;
  took_ms: number;
  reason: string;
}

const PCT = 0.01;
const UNKNOWN = 'its inputs are not finite';

export function HedgesPage() {
  const frame = useFrame<HedgesData>('hedges');
  useReplayTopic('hedges');
  const scope = usePlace().query.get('scope') ?? 'desk';
  const { value, error, reload } = useApi<Menu>(`/hedges/menu?scope=${encodeURIComponent(scope)}`, 5000);
  const before = useRef<Menu | null>(null);
  before.current = value ?? before.current;
  if (!frame) return <Empty what="Waiting for the desk …" />;
  const { data } = frame;
  return (
    <div class="two hedges-page">
      <div class="stack menu">{error ? <Problem what="No menu" why={error} again={reload} /> : before.current ? <MenuPanels menu={before.current} data={data} /> : <Empty what="Weighing every candidate …" />}</div>
      <div class="stack">
        {data.approve_above_usd !== null && <Waits data={data} />}
        <Proposals data={data} />
        <Working data={data} />
        <Shortfall data={data} />
      </div>
    </div>
  );
}

function verb(side: number): string {
  return side > 0 ? 'buy' : 'sell';
}

function tradeOf(legs: Point['legs'], most = 9): string {
  if (legs.length === 0) return 'no trade';
  const told = legs.slice(0, most).map((each) => `${verb(each.contracts)} ${Math.abs(each.contracts)} ${each.symbol}`);
  return told.join(', ') + (legs.length > most ? ` and ${legs.length - most} more` : '');
}

function netOf(point: Point): number | null {
  return known(point.cost_usd) && known(point.risk_removed_usd) ? point.risk_removed_usd - point.cost_usd : null;
}

function single(point: Point): boolean {
  return point.kind === 'option' || point.kind === 'instrument';
}

const MARKS: Record<string, string> = { plan: '●', hedge: '●', alternative: '◇', instrument: '□', option: '○' };

const CANDIDATES: Told<Point>[] = [
  {
    head: 'trade',
    kind: 'text',
    cell: (row) => (
      <span title={tradeOf(row.legs)}>
        <span class={`shape ${row.kind} ${row.worth || row.chosen ? '' : 'pale'}`}>{MARKS[row.kind]} </span>
        {single(row) ? tradeOf(row.legs) : <b>{row.name}</b>} {!single(row) && <span class="soft">{tradeOf(row.legs, 4)}</span>}
      </span>
    ),
  },
  num('costs', '$', (row) => row.cost_usd, (row) => ({ unit: 'USD', reason: UNKNOWN, test: `cost:${row.name}` })),
  num('removes', '$ of risk', (row) => row.risk_removed_usd, () => ({ unit: 'USD', sign: true, reason: UNKNOWN })),
  { head: 'net', unit: '$', cell: (row) => <b class={row.worth ? '' : 'faint'}>{short(netOf(row), true)}</b> },
  num('leaves σ', '$', (row) => row.deviation_left_usd, () => ({ unit: 'USD', reason: UNKNOWN })),
  { head: 'outside', unit: 'limit rows', kind: 'optional', cell: (row) => row.rows_broken },
  {
    head: 'why',
    kind: 'text soft cut optional',
    cell: (row) => <span title={row.why}>{single(row) ? '' : row.why}</span>,
  },
];

function MenuPanels({ menu, data }: { menu: Menu; data: HedgesData }) {
  const [at, setAt] = useState('');
  const heads = menu.points.filter((each) => !single(each) && each.kind !== 'nothing');
  const rows = [...heads, ...menu.points.filter(single).sort((a, b) => (a.worse_by_usd ?? 0) - (b.worse_by_usd ?? 0))];
  const move = (by: number) => setAt(rows[Math.max(0, Math.min(rows.length - 1, rows.findIndex((each) => each.name === at) + by))]?.name ?? '');
  useKeys({ j: () => move(1), k: () => move(-1) }, [rows.map((each) => each.name).join(), at]);
  const days = `${fixed(menu.over_days, menu.over_days < 1 ? 1 : 0)} days`;
  const dots = menu.points
    .filter((each) => netOf(each) !== null)
    .map(
      (each): Dot => ({
        key: each.name,
        x: each.cost_usd ?? 0,
        y: each.risk_removed_usd ?? 0,
        kind: `${each.kind} ${each.worth || each.legs.length === 0 ? '' : 'pale'}`,
        title: `${single(each) ? '' : `${each.name}\n`}${tradeOf(each.legs)}\ncosts ${full(each.cost_usd, 'USD')}\nremoves ${full(each.risk_removed_usd, 'USD')} of risk\n${each.why}`,
        edge: each.edge,
        label: each.kind === 'plan' ? 'plan' : each.kind === 'hedge' ? (data.waiting.some((one) => one.state === 'waits' || one.state === 'rejected') ? 'waits' : 'leaves now') : each.name === at ? each.name : '',
      }),
    );
  return (
    <>
      <Panel
        title="What could be traded"
        note={
          <span class="group">
            {menu.scopes.map((each) => (
              <button key={each} class={each === menu.scope ? 'on' : ''} onClick={() => setQuery({ scope: each === 'desk' ? null : each })}>
                {each}
              </button>
            ))}
          </span>
        }
      >
        {menu.reason ? <Empty what="No menu" why={`${menu.reason}.`} /> : <Scatter dots={dots} xLabel="cost, $" yLabel={`risk removed, $: price of the variance over ${days}`} chosen={at} onPick={setAt} />}
      </Panel>
      <Panel
        title="Alternatives"
        note={
          <span title={`cycle ${menu.cycle}: weighed in ${menu.took_ms.toFixed(1)} ms; a better plan could save at most ${full(menu.gap_usd, 'USD')}`}>
            {data.offset_leaves ? <b class="amber">▲ an offset leaves now</b> : data.sends_offsets ? `planned every ${data.offset_every_s} s` : 'plans are only proposed'} · book σ {short(menu.deviation_before_usd)} $ over {days} · {clock(menu.at_ns)}, {menu.took_ms.toFixed(0)} ms
          </span>
        }
      >
        <Table class="menu-table" columns={CANDIDATES} rows={rows} row={(each) => ({ key: each.name, class: `${each.name === at ? 'at' : ''} ${single(each) ? '' : 'head'}`, 'data-test': `point:${each.name}`, onClick: () => setAt(each.name) })} />
        {menu.notes.map((each) => (
          <p key={each} class="why amber">
            ▲ {each}
          </p>
        ))}
      </Panel>
    </>
  );
}

function pct(value: number | null, sign = true): string {
  return scaled(known(value) ? value * PCT : null, 1000, sign);
}

const SAID: Record<WaitingLine['state'], string> = { waits: '▲ waits for you', rejected: '◼ held back', approved: '✓ approved, leaves', unasked: '■ leaves unasked' };

interface Asking {
  hedge_id: string;
  approve: boolean;
  shown_usd: number;
}

// What a person is asked about: what it trades, removes, costs and leaves, and two buttons.
function Waits({ data }: { data: HedgesData }) {
  const replay = useReplay();
  const [asking, setAsking] = useState<Asking | null>(null);
  const refused = replay.on ? 'this is the past' : may('hedge') ? '' : 'your role may not answer hedges';
  const of = asking && data.waiting.find((each) => each.id === asking.hedge_id);
  return (
    <Panel title="Waits for you" note={`hedges of more than ${short(data.approve_above_usd)} $ of delta`}>
      {data.waiting.length === 0 && <p class="why">No hedge is that large now.</p>}
      {data.waiting.map((each) => (
        <div key={each.id} class="asks" data-test={`waits:${each.id}`}>
          <b class={each.side === 'buy' ? 'long' : 'short'}>{each.trade}</b>
          <span class={each.state === 'waits' || each.state === 'unasked' ? 'amber strong' : 'soft'} data-test="state">
            {SAID[each.state]} {known(each.left_s) ? `for ${age(each.left_s)}` : `since ${age(each.waits_s)}`}
          </span>
          <span class="soft">
            {each.side}s <Num value={each.delta_usd * PCT} per={1000} unit="USD per 1 %" test={`asked:${each.id}`} /> k$/1 % of {each.underlying}: {pct(each.delta_before_usd)} → {pct(each.delta_after_usd)}, σ {short(each.deviation_before_usd)} →{' '}
            {short(each.deviation_after_usd)} $, costs {short(each.cost_usd)} $
            <small>{each.owner ? `${each.owner}: ${each.why}` : each.why}</small>
          </span>
          <span class="group">
            {([true, false] as const).map((approve) => (
              <button key={String(approve)} disabled={refused !== '' || each.state === 'unasked'} title={refused || each.why} onClick={() => setAsking({ hedge_id: each.id, approve, shown_usd: each.delta_usd })} data-test={`${approve ? 'approve' : 'reject'}:${each.id}`}>
                {approve ? 'approve' : 'reject'}
              </button>
            ))}
          </span>
        </div>
      ))}
      {data.answers.map((each) => (
        <p key={each.at_ns} class="why">
          <span class="faint">{clock(each.at_ns)}</span> {each.text}
        </p>
      ))}
      {asking && (
        <ActSheet title={`${asking.approve ? 'Approve' : 'Reject'}: ${of?.trade ?? asking.hedge_id}`} path="/hedge" body={{ ...asking }} permission="hedge" button={`hold to ${asking.approve ? 'approve' : 'reject'}`} onClose={() => setAsking(null)}>
          <p class="soft">{asking.approve ? 'Its orders leave at once, up to a little more than you see here; fills use the approval up, and it ends by itself.' : 'It is held back and not asked for again until the answer ends; where a limit on direction stands at ESCALATE or HARD it leaves nevertheless.'}</p>
        </ActSheet>
      )}
    </Panel>
  );
}

function Proposals({ data }: { data: HedgesData }) {
  return (
    <Panel title="Delta against its band" note="k$ per 1 %, with the volatility that comes with spot">
      {data.proposals.length === 0 && <Empty what="Nothing to hedge" why="No underlying has a delta or a hedge instrument." />}
      {data.proposals.map((each) => (
        <Hedge key={each.underlying} one={each} />
      ))}
      <p class="why" data-test="decided-by">
        {data.sends_hedges ? data.decided_by : 'orders of this desk do not leave: it only proposes'}
      </p>
    </Panel>
  );
}

function Hedge({ one }: { one: Proposal }) {
  const used = known(one.delta_before_usd) && one.band_usd ? Math.abs(one.delta_before_usd) / one.band_usd : null;
  const policies = one.policies.map((each) => `${each.in_force ? '▸ ' : ''}${each.policy.replaceAll('_', ' ')}: band ± ${pct(each.band_usd, false)}, would trade ${pct(each.trade_usd)} k$/1 % for ${short(each.cost_usd)} $`);
  return (
    <div class="offer">
      <b>{one.underlying}</b>
      <Band delta={one.delta_before_usd} band={one.band_usd} after={one.legs.length ? one.delta_after_usd : null} />
      <span class="num" title={['policies beside each other', ...policies].join('\n')}>
        <Num value={known(one.delta_before_usd) ? one.delta_before_usd * PCT : null} per={1000} sign unit="USD per 1 %" reason={one.reason} test={`hedge:${one.underlying}`} />
        <span class="faint"> / ± {pct(one.band_usd, false)}</span>
      </span>
      <span class={used !== null && used > 1 ? 'amber strong' : 'soft'}>{percent(used)}</span>
      <span class="said soft">
        {one.legs.map((leg) => (
          <b key={leg.symbol} class={leg.side === 'buy' ? 'long' : 'short'}>
            {leg.side} {leg.contracts} {leg.symbol} @ {fixed(leg.price, 2)}{' '}
          </b>
        ))}
        {one.reason}
        {one.legs.length > 0 && ` · costs ${short(one.cost_usd)} $, leaves ${pct(one.delta_after_usd)} k$/1 %, σ ${short(one.deviation_before_usd)} → ${short(one.deviation_after_usd)} $`}
        {one.alternatives.slice(0, 2).map((each) => (
          <small key={each.symbol}>
            lost: {each.side} {each.contracts} {each.symbol} for {short(each.cost_usd)} $: {each.why}
          </small>
        ))}
      </span>
    </div>
  );
}

// The band in the middle, the delta as a bar, where the hedge would take it as a mark.
function Band({ delta, band, after }: { delta: number | null; band: number | null; after: number | null }) {
  if (!known(delta) || !known(band) || band <= 0) return <span class="faint">–</span>;
  const reach = 1.25 * Math.max(band, Math.abs(delta));
  const x = (value: number) => 50 + (50 * value) / reach;
  const line = (at: number, kind: string) => <line class={kind} x1={at} x2={at} y1="0" y2="16" vector-effect="non-scaling-stroke" />;
  return (
    <svg class="bandbar" viewBox="0 0 100 16" preserveAspectRatio="none" role="img" aria-label={`delta ${full(delta, 'USD')} in a band of ± ${full(band, 'USD')}`}>
      <rect class="inside" x={x(-band)} width={x(band) - x(-band)} y="1" height="14" />
      <rect class={delta > 0 ? 'bid' : 'ask'} x={Math.min(50, x(delta))} width={Math.abs(x(delta) - 50)} y="5" height="6" />
      {line(50, '')}
      {known(after) && line(x(after), 'after')}
    </svg>
  );
}

function Order({ side, quantity, symbol, price }: { side: number; quantity: number; symbol: string; price: number }) {
  return (
    <>
      <span class={side > 0 ? 'long' : 'short'}>
        {verb(side)} {quantity}
      </span>{' '}
      {symbol} @ {fixed(price, 2)}
    </>
  );
}

const ORDERS: Told<HedgeOrder>[] = [
  { head: 'order', kind: 'text', cell: (row) => <Order {...row} /> },
  {
    head: 'done',
    kind: 'text',
    cell: (row) => (
      <>
        <progress max={1} value={row.done_share} /> {percent(row.done_share)}
      </>
    ),
  },
  { head: 'age', cell: (row) => age(row.age_s) },
  num('away', '$', (row) => row.away_usd, (row) => ({ unit: 'USD more to cross the market now', reason: row.reason })),
  num('risk left', '$ σ, 1 min', (row) => row.risk_usd, (row) => ({ unit: 'USD, standard deviation over a minute', reason: row.reason })),
];

function Working({ data }: { data: HedgesData }) {
  const risk = Math.hypot(...data.working.map((each) => each.risk_usd ?? 0));
  const out = data.working_left_out;
  return (
    <Panel title="Hedge orders at work" note={data.working.length ? `${data.working.length} · σ over a minute ${short(risk)} $${out ? ` · ${out} more` : ''}` : undefined}>
      {data.working.length === 0 ? <p class="why">None: hedges cross the market, and mostly fill within a few milliseconds.</p> : <Table columns={ORDERS} rows={data.working} row={(each) => ({ key: String(each.client_id), title: `#${each.client_id} ${each.state}; market ${fixed(each.bid, 2)} to ${fixed(each.ask, 2)}` })} />}
    </Panel>
  );
}

type Cost = HedgesData['shortfall'][number];
type Done = HedgesData['done'][number];

const COSTS: Told<Cost>[] = [
  { head: 'instrument', kind: 'text', cell: (row) => row.symbol },
  { head: 'fills', cell: (row) => <span title={row.unknown ? `${row.unknown} without a fair value` : ''}>{row.fills}</span> },
  { head: 'bought', kind: 'optional', cell: (row) => row.bought },
  { head: 'sold', kind: 'optional', cell: (row) => row.sold },
  num('shortfall', '$', (row) => row.shortfall_usd, (row) => ({ unit: 'USD paid against fair value; minus: better than it', reason: row.reason, test: `shortfall:${row.symbol}` })),
  num('fees', '$', (row) => row.fees_usd, (row) => ({ unit: 'USD', reason: row.reason })),
  num('a contract', '$', (row) => row.per_contract_usd, (row) => ({ unit: 'USD a contract, with fees', reason: row.reason })),
  num('expected', '$', (row) => row.expected_per_contract_usd, (row) => ({ unit: 'USD a contract: half-spread and fee, as the desk file tells', reason: row.reason })),
];

const FILLS: Told<Done>[] = [
  { head: '', kind: 'text faint', cell: (row) => clock(row.at_ns) },
  { head: '', kind: 'text', cell: (row) => <Order {...row} /> },
  num('', '', (row) => row.shortfall_usd, () => ({ unit: 'USD against fair value', reason: 'no fair value was known before it', sign: true })),
];

function Shortfall({ data }: { data: HedgesData }) {
  return (
    <Panel title="What hedges cost" note={data.since_ns ? `since ${clock(data.since_ns)}, against fair value before each fill` : undefined}>
      {data.shortfall.length === 0 ? <p class="why">No hedge was done in the last half hour.</p> : <Table columns={COSTS} rows={data.shortfall} row={(each) => ({ key: each.symbol })} />}
      <Table class="fills" columns={FILLS} rows={data.done.slice(0, 14)} row={(each, n) => ({ key: String(n), title: instant(each.at_ns) })} />
    </Panel>
  );
}
