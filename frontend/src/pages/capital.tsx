// Capital: what must the book be backed with, what drives it, and what would one contract more change?
import { useMemo, useState } from 'preact/hooks';
import { Bullet } from '../components/bullet';
import type { Line } from '../components/chart';
import { Chart } from '../components/chart';
import { useAskedOf } from '../components/moment';
import { Num } from '../components/number';
import { Empty, Panel, Problem } from '../components/panel';
import { useReplayTopic } from '../components/replay';
import { RowBar } from '../components/row_bar';
import { VirtualTable } from '../components/virtual_table';
import { fixed, full, known, percent, short } from '../format';
import { setQuery, usePlace } from '../router';
import { useFrame } from '../store';

interface PositionRow {
  symbol: string;
  underlying: string;
  position: number;
  contract_usd: number | null;
  pnl_usd: number | null;
  reason: string;
}

interface MemberRow {
  underlying: string;
  required_usd: number | null;
  relief_usd: number | null;
  moves: number[];
  pnl_usd: (number | null)[];
}

interface PartRow {
  name: string;
  required_usd: number | null;
  alone_usd: number | null;
  minimum_usd: number;
  worst_point: number | null;
  pnl_usd: (number | null)[];
  decides: string;
  members: MemberRow[];
  positions: PositionRow[];
  positions_left: number;
  positions_left_usd: number | null;
}

interface LimitRow {
  name: string;
  unit: string;
  value: number | null;
  limit_hard: number;
  soft_share: number;
  critical_share: number;
  utilisation: number | null;
  step: string;
}

interface ReportedRow {
  scope: string;
  source: string;
  own_usd: number | null;
  reported_usd: number | null;
  difference_usd: number | null;
  binding_usd: number | null;
  reason: string;
}

interface CapitalData {
  required_usd: number | null;
  alone_usd: number | null;
  offsets_usd: number | null;
  net_capital_usd: number | null;
  available_usd: number | null;
  available_of: string;
  parts: PartRow[];
  limits: LimitRow[];
  reported: ReportedRow[];
  reason: string;
}

interface MethodRow {
  method: string;
  title: string;
  source: string;
  own: boolean;
  required_usd: number | null;
  maintenance_usd: number | null;
  share: number | null;
  worst: string;
  left_out: number;
  notes: string[];
  reason: string;
  took_ms: number;
}

interface Methods {
  cycle: number;
  at_ns: string;
  available_usd: number | null;
  available_of: string;
  methods: MethodRow[];
}

interface Ahead {
  moves: number[];
  required_usd: (number | null)[];
  pnl_usd: (number | null)[];
  net_capital_usd: (number | null)[];
  cycle: number;
  reason: string;
}

interface Marginals {
  underlying: string;
  cycle: number;
  symbols: string[];
  positions: number[];
  bought_usd: (number | null)[];
  sold_usd: (number | null)[];
  quoted: boolean[];
  reason: string;
}

const METHODS_MS = 10_000;
const AHEAD_MS = 5_000;
const MARGINALS_MS = 3_000;

export function CapitalPage() {
  const frame = useFrame<CapitalData>('capital');
  useReplayTopic('capital');
  const { query } = usePlace();
  if (!frame) return <Empty what="Waiting for the requirement …" why="It comes with the first decision." />;
  const { data } = frame;
  const part = data.parts.find((each) => each.name === query.get('part')) ?? data.parts[0];
  return (
    <div class="capital">
      <div>
        <MethodsPanel data={data} />
        <AheadPanel data={data} />
      </div>
      <div>
        <Drivers data={data} part={part} />
        <MarginalPanel underlyings={[...new Set(data.parts.flatMap((each) => each.members.map((one) => one.underlying)))]} />
      </div>
    </div>
  );
}

function MethodsPanel({ data }: { data: CapitalData }) {
  const { value, error, reload } = useAskedOf<Methods>('/capital/methods', METHODS_MS);
  const [pairing, setPairing] = useState(false);
  const paired = useAskedOf<MethodRow>(pairing ? '/capital/strategy' : null);
  const limit = data.limits.find((each) => data.available_of.endsWith(each.name));
  const share = (required: number | null) => (known(required) && data.available_usd ? required / data.available_usd : null);
  const rows = [
    {
      name: 'risk-based haircut',
      own: true,
      noted: false,
      usd: data.required_usd,
      reason: data.reason,
      test: 'required',
      by: worst(data.parts[0]),
      title: `the engine’s, in every cycle: limits and quotes read it (17 CFR 240.15c3-1a)\nwithout offsets ${full(data.alone_usd, 'USD')}; offsets are worth ${full(data.offsets_usd, 'USD')}`,
    },
    ...(value?.methods ?? [])
      .filter((each) => !each.own)
      .map((each) => (each.method === 'regt' && paired.value ? paired.value : each))
      .map((each) => ({
        name: each.title,
        own: false,
        noted: each.notes.length > 0 || each.left_out > 0,
        usd: each.required_usd,
        reason: each.reason,
        test: `method:${each.method}`,
        by: each.worst,
        title: [each.reason, each.source, `maintenance ${full(each.maintenance_usd, 'USD')}`, each.left_out && `${each.left_out} positions are not taken by it`, ...each.notes, `${each.took_ms.toFixed(0)} ms, cycle ${value!.cycle}`].filter(Boolean).join('\n'),
      })),
    ...data.reported.map((each) => ({
      name: `${each.source}, reported for ${each.scope}`,
      own: false,
      noted: false,
      usd: each.reported_usd,
      reason: each.reason,
      test: `reported:${each.scope}:${each.source}`,
      by: `${short(each.difference_usd, true)} against ours`,
      title: `binding ${full(each.binding_usd, 'USD')}`,
    })),
  ];
  return (
    <Panel title="Requirement by method" note={known(data.available_usd) ? `against ${short(data.available_usd)} $: ${data.available_of}` : 'nothing says what is available: set net_capital_usd or a limit on capital_usd'}>
      <table class="methods">
        <thead>
          <tr>
            <th class="text">method</th>
            <th>$</th>
            <th class="text">of what is available</th>
            <th />
            <th class="text optional">decided by</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((each) => (
            <tr key={each.name} title={each.title}>
              <td class={`text ${each.own ? 'strong' : ''}`}>
                {each.name} {each.own && <span class="chip NOTIFY">limits</span>}
                {each.noted && <span class="amber">▲</span>}
              </td>
              <td class={each.own ? 'strong' : ''}>
                <Num value={each.usd} unit="USD" reason={each.reason} test={each.test} />
              </td>
              {known(each.usd) || each.own ? (
                <>
                  <td class="wide-bar">
                    <Bullet share={share(each.usd)} soft={limit?.soft_share ?? 0.5} critical={limit?.critical_share ?? 0.9} step={each.own && limit ? limit.step : 'NORMAL'} />
                  </td>
                  <td>{percent(share(each.usd), 1)}</td>
                  <td class="text soft optional">{each.by}</td>
                </>
              ) : (
                <td class="text faint reason" colSpan={3}>
                  {each.test === 'method:regt' && !paired.value && <Ask on={pairing && !paired.error} ask={() => (pairing ? paired.reload() : setPairing(true))} />} {(each.test === 'method:regt' && paired.error) || each.reason}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {!value && !error && <div class="why">asking the other methods …</div>}
      {error && <Problem what="The other methods did not answer" why={error} again={reload} />}
    </Panel>
  );
}

function Ask({ on, ask }: { on: boolean; ask: () => void }) {
  return (
    <button disabled={on} onClick={ask}>
      {on ? 'pairing …' : 'ask'}
    </button>
  );
}

function worst(part: PartRow | undefined): string {
  if (!part) return 'nothing is held';
  if (part.decides === 'unknown') return `${part.name}: not known`;
  if (part.decides === 'minimum') return `${part.name}: the minimum per contract`;
  return `${part.name} ${part.members.length === 1 && part.worst_point !== null ? move(part.members[0]!.moves[part.worst_point]!) : `point ${(part.worst_point ?? 0) + 1} of ${part.pnl_usd.length}`}`;
}

function move(relative: number): string {
  return `${fixed(100 * relative, 1, true)} %`;
}

function Drivers({ data, part }: { data: CapitalData; part: PartRow | undefined }) {
  return (
    <Panel
      title="What drives it"
      class="drivers"
      note={
        data.parts.length > 1 && (
          <span class="group">
            {data.parts.map((each) => (
              <button key={each.name} class={each === part ? 'on' : ''} title={full(each.required_usd, 'USD')} onClick={() => setQuery({ part: each.name })}>
                {each.name} {short(each.required_usd)}
              </button>
            ))}
          </span>
        )
      }
    >
      {!part && <Empty what="Nothing is held" why="An empty book needs no capital." />}
      {part && (
        <>
          <Points part={part} />
          {part.members.length > 1 && (
            <div class="why">
              {part.members.map((each) => (
                <span key={each.underlying} class="member">
                  {each.underlying} alone <Num value={each.required_usd} unit="USD" />, relief <Num value={each.relief_usd} unit="USD" />
                </span>
              ))}
            </div>
          )}
          <table class="positions">
            <thead>
              <tr>
                <th class="text">position, at the worst point</th>
                <th>lots</th>
                <th>
                  one lot<small>$</small>
                </th>
                <th>
                  makes<small>$</small>
                </th>
                <th class="text" />
              </tr>
            </thead>
            <tbody>
              {part.positions.map((each) => (
                <Position key={each.symbol} row={each} most={Math.max(...part.positions.map((one) => Math.abs(one.pnl_usd ?? 0)), 1)} />
              ))}
              {part.positions_left > 0 && (
                <tr class="soft">
                  <td class="text">{part.positions_left} others</td>
                  <td />
                  <td />
                  <td>
                    <Num value={part.positions_left_usd} unit="USD" sign colour />
                  </td>
                  <td />
                </tr>
              )}
            </tbody>
          </table>
        </>
      )}
    </Panel>
  );
}

function Position({ row, most }: { row: PositionRow; most: number }) {
  return (
    <tr title={row.reason}>
      <td class="text">{row.symbol}</td>
      <td>{fixed(row.position, 0, true)}</td>
      <td class="soft">
        <Num value={row.contract_usd} unit="USD, of one contract bought" sign reason={row.reason} />
      </td>
      <td>
        <Num value={row.pnl_usd} unit="USD" sign colour reason={row.reason} />
      </td>
      <td class="wide-bar">
        <RowBar to={row.pnl_usd ?? 0} low={-most} high={most} />
      </td>
    </tr>
  );
}

// P&L of the part at each of its points, the worst one filled.
function Points({ part }: { part: PartRow }) {
  const values = part.pnl_usd.map((each) => each ?? 0);
  const low = Math.min(0, ...values, -part.minimum_usd);
  const high = Math.max(0, ...values);
  const y = (usd: number) => 4 + (56 * (high - usd)) / (high - low || 1);
  const moves = part.members[0]?.moves ?? [];
  return (
    <div class="points" title={`needs the larger of the largest loss and the minimum, ${full(part.minimum_usd, 'USD')}`}>
      {values.map((usd, n) => (
        <div key={n} class={n === part.worst_point && part.decides === 'point' ? 'worst' : ''} title={known(part.pnl_usd[n]) ? full(usd, 'USD') : 'not known'}>
          <small>{known(part.pnl_usd[n]) ? short(usd, true) : '–'}</small>
          <svg viewBox="0 0 20 64" preserveAspectRatio="none">
            <rect class={usd < 0 ? 'minus' : 'plus'} x="3" width="14" y={y(Math.max(usd, 0))} height={Math.max(Math.abs(y(usd) - y(0)), 0.7)} />
            <line class="zero" x1="0" x2="20" y1={y(0)} y2={y(0)} vector-effect="non-scaling-stroke" />
            <line class="least" x1="0" x2="20" y1={y(-part.minimum_usd)} y2={y(-part.minimum_usd)} vector-effect="non-scaling-stroke" />
          </svg>
          <small class="soft">{part.members.length === 1 && moves[n] !== undefined ? move(moves[n]) : `#${n + 1}`}</small>
        </div>
      ))}
    </div>
  );
}

function AheadPanel({ data }: { data: CapitalData }) {
  const { value, error, reload } = useAskedOf<Ahead>('/capital/ahead', AHEAD_MS);
  const lines = useMemo<Line[]>(() => {
    if (!value) return [];
    const of = (values: (number | null)[]) => values.map((each) => each ?? Number.NaN);
    const out: Line[] = [{ label: 'required', values: of(value.required_usd), colour: '--ink', width: 1.8 }];
    if (value.net_capital_usd.some(known)) out.push({ label: 'net capital then', values: of(value.net_capital_usd), colour: '--c1', width: 1.4, dash: [6, 3] });
    else out.push({ label: 'P&L on the way', values: of(value.pnl_usd), colour: '--c2', width: 1.4, dash: [2, 2] });
    if (known(data.available_usd) && data.available_usd < 3 * Math.max(...value.required_usd.map((each) => each ?? 0))) out.push({ label: data.available_of, values: value.moves.map(() => data.available_usd!), colour: '--red', width: 1 });
    return out;
  }, [value, data.available_usd]);
  return (
    <Panel title="Capital after a move of spot, $" note={`solid: required · dashed: ${data.net_capital_usd === null ? 'P&L on the way' : 'net capital then'}`}>
      {error && !value && <Problem what="Not known" why={error} again={reload} />}
      {value?.reason && <Empty what="Not known" why={value.reason} />}
      {value && !value.reason && (
        <div class="chart whole">
          <Chart x={value.moves} lines={lines} time={false} format={short} formatX={(at) => `${fixed(100 * at, 0, true)} %`} />
        </div>
      )}
    </Panel>
  );
}

type Side = 'bought_usd' | 'sold_usd';

function MarginalPanel({ underlyings }: { underlyings: string[] }) {
  const { query } = usePlace();
  const of = query.get('underlying') ?? '';
  const [by, setBy] = useState<'asks' | 'frees'>('asks');
  const [at, setAt] = useState(-1);
  const { value, error, reload } = useAskedOf<Marginals>(`/capital/marginals${of && `?underlying=${encodeURIComponent(of)}`}`, MARGINALS_MS);
  const order = useMemo(() => {
    if (!value) return [];
    const sign = by === 'asks' ? -1 : 1;
    const key = (row: number) => Math.min(...(['bought_usd', 'sold_usd'] as Side[]).map((side) => sign * (value[side][row] ?? 0)));
    return value.symbols.map((_, row) => row).filter((row) => value.quoted[row] || value.positions[row]).sort((a, b) => key(a) - key(b));
  }, [value, by]);
  const cell = (side: Side) => (n: number) => <Num value={value![side][order[n]!]} unit="USD for one contract more" sign reason={value!.reason} />;
  return (
    <Panel
      title="One contract more"
      class="marginal"
      note={
        <>
          <span class="group">
            {(['asks', 'frees'] as const).map((each) => (
              <button key={each} class={each === by ? 'on' : ''} onClick={() => setBy(each)}>
                {each} most
              </button>
            ))}
          </span>{' '}
          <span class="group">
            {['', ...underlyings].map((each) => (
              <button key={each} class={each === of ? 'on' : ''} onClick={() => setQuery({ underlying: each || null })}>
                {each || 'all'}
              </button>
            ))}
          </span>
        </>
      }
    >
      {error && !value && <Problem what="Not known" why={error} again={reload} />}
      {value && order.length === 0 && <Empty what="No series" why="Nothing is held or quoted there." />}
      {value && order.length > 0 && (
        <VirtualTable
          rows={order.length}
          at={at}
          onAt={setAt}
          columns={[
            { key: 'symbol', head: <span class="left">series</span>, width: 'minmax(150px, 2fr)', cell: (n) => value.symbols[order[n]!], kind: () => 'left' },
            { key: 'position', head: 'lots', width: '60px', cell: (n) => (value.positions[order[n]!] ? fixed(value.positions[order[n]!]!, 0, true) : '') },
            { key: 'buy', head: 'buy one, $', width: 'minmax(80px, 1fr)', cell: cell('bought_usd') },
            { key: 'sell', head: 'sell one, $', width: 'minmax(80px, 1fr)', cell: cell('sold_usd') },
          ]}
        />
      )}
    </Panel>
  );
}
