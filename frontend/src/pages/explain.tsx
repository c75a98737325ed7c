// Explain: where did the P&L come from, and what were trades worth a little later?
import { useMemo } from 'preact/hooks';
import type { Line } from '../components/chart';
import { Chart } from '../components/chart';
import { Num } from '../components/number';
import { Empty, Panel, Problem } from '../components/panel';
import { useReplay } from '../components/replay';
import { RowBar } from '../components/row_bar';
import { clock, fixed, known, percent, short } from '../format';
import { useKeys } from '../keyboard';
import { setQuery, usePlace } from '../router';
import { useApi } from '../store';

interface BarRow {
  name: string;
  text: string;
  usd: number;
}

interface ScopeRow {
  scope: string;
  before_usd: number;
  bars: BarRow[];
  pnl_usd: number;
  unexplained_share: number | null;
}

interface ExplainData {
  begun_ns: string;
  at_ns: string;
  cycle: number;
  scopes: ScopeRow[];
  lines: { at_s: number[]; pnl_usd: number[]; sources_usd: Record<string, number[]> } | null;
  of: string;
  notes: string[];
  reason: string;
}

interface HorizonRow {
  horizon_s: number;
  fills: number;
  fills_without: number;
  contracts: number;
  edge_usd: number | null;
  adverse_usd: number | null;
  realised_usd: number | null;
  standard_error_usd: number | null;
  give_back: number | null;
}

interface MarkoutRow {
  name: string;
  fills: number;
  contracts: number;
  edge_usd: number | null;
  total_edge_usd: number | null;
  horizons: HorizonRow[];
}

interface MarkoutTable {
  by: string;
  horizons_s: number[];
  rows: MarkoutRow[];
  left_out: number;
  open: number;
  reason: string;
}

const EVERY_MS = 2000;
const CENT = 0.005;
const GROUPS: [string, string, string[]][] = [
  ['edge', '--c1', ['edge at trade', 'after the trade']],
  ['delta, gamma, hedges', '--c2', ['delta', 'gamma', 'hedges', 'hedge cost']],
  ['volatility', '--c3', ['vega', 'spot-vol', 'vanna, volga']],
  ['time, carry', '--c4', ['theta', 'carry']],
  ['fees, rest', '--c5', ['fees', 'unexplained', 'other']],
];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3]];
const KEYS = ['capacity', 'venue', 'counterparty', 'series'];

export function ExplainPage() {
  const { query } = usePlace();
  const of = query.get('of') ?? '';
  const replay = useReplay();
  const { value, error, reload } = useApi<ExplainData>(`/explain?of=${encodeURIComponent(of)}${replay.on ? `&at=${replay.sequence}` : ''}`, replay.on ? 0 : EVERY_MS);
  const scopes = value?.scopes.map((each) => each.scope) ?? [];
  const step = (by: number) => scopes.length && setQuery({ of: scopes[(Math.max(scopes.indexOf(of || 'desk'), 0) + by + scopes.length) % scopes.length] ?? null });
  useKeys({ j: () => step(1), k: () => step(-1) }, [scopes.join(), of]);
  if (error && !value) return <Problem what="No explanation" why={error} again={reload} />;
  if (!value) return <Empty what="Summing up …" />;
  const scope = value.scopes.find((each) => each.scope === value.of);
  return (
    <div class="explain">
      <Panel
        title="Where the P&L came from"
        note={
          <span class="group">
            {scopes.map((each) => (
              <button key={each} class={each === value.of ? 'on' : ''} onClick={() => setQuery({ of: each === 'desk' ? null : each })}>
                {each}
              </button>
            ))}
          </span>
        }
      >
        {scope ? <Waterfall scope={scope} data={value} /> : <Empty what="Nothing to explain yet" why={value.reason} />}
      </Panel>
      <Markouts past={replay.on} />
      <LinesPanel data={value} />
    </div>
  );
}

function Waterfall({ scope, data }: { scope: ScopeRow; data: ExplainData }) {
  const rows: { name: string; text: string; from: number; to: number; whole?: boolean }[] = [];
  let sum = scope.before_usd;
  if (Math.abs(sum) >= CENT) rows.push({ name: 'before', text: 'P&L of the day when this service took its first mark', from: 0, to: sum, whole: true });
  for (const bar of scope.bars) {
    if (bar.name === 'other' && Math.abs(bar.usd) < CENT) continue;
    rows.push({ name: bar.name, text: bar.text, from: sum, to: sum + bar.usd });
    sum += bar.usd;
  }
  rows.push({ name: 'P&L', text: 'of the day, at theoretical value, after fees', from: 0, to: scope.pnl_usd, whole: true });
  const low = Math.min(0, ...rows.map((each) => Math.min(each.from, each.to)));
  const high = Math.max(0, ...rows.map((each) => Math.max(each.from, each.to)));
  return (
    <>
      <table class="waterfall">
        <tbody>
          {rows.map((row, n) => {
            const usd = row.whole ? row.to : row.to - row.from;
            return (
              <tr key={row.name} class={row.whole ? 'total' : ''} title={row.text}>
                <td class="text">{row.name}</td>
                <td class="wide-bar">
                  <RowBar from={row.from} to={row.to} low={low} high={high} kind={row.whole ? 'whole' : ''} before={rows[n - 1]?.to ?? 0} />
                </td>
                <td>
                  <Num value={Math.abs(usd) < CENT ? 0 : usd} unit="USD" sign colour={!row.whole} test={`bar:${row.name}`} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <div class="why">
        {clock(data.begun_ns)} to {clock(data.at_ns)}, cycle {data.cycle}. Greeks leave {known(scope.unexplained_share) ? percent(scope.unexplained_share, 2) : 'nothing'} of all that moved unexplained.
        {data.notes.map((each) => (
          <div key={each}>{each}</div>
        ))}
      </div>
    </>
  );
}

function LinesPanel({ data }: { data: ExplainData }) {
  const { lines } = data;
  const drawn = useMemo<Line[]>(() => {
    if (!lines) return [];
    const sum = (names: string[]) => lines.at_s.map((_, n) => names.reduce((total, name) => total + (lines.sources_usd[name]?.[n] ?? 0), 0));
    return [...GROUPS.map(([label, colour, names], n) => ({ label, colour, values: sum(names), width: 1.4, dash: DASHES[n]! })), { label: 'P&L', colour: '--ink', values: lines.pnl_usd, width: 2 }];
  }, [data.cycle, data.of]);
  return (
    <Panel
      title={`${data.of}: P&L through time, $`}
      note={
        <>
          {GROUPS.map(([label, colour, names], n) => (
            <Legend key={label} label={label} colour={colour} dash={DASHES[n]!} title={names.join(' + ')} />
          ))}
        </>
      }
    >
      {lines && lines.at_s.length > 1 ? (
        <div class="chart whole">
          <Chart x={lines.at_s} lines={drawn} format={short} />
        </div>
      ) : (
        <Empty what="The first step is not over" why="A mark is taken every ten seconds." />
      )}
    </Panel>
  );
}

function Legend({ label, colour, dash, title = '' }: { label: string; colour: string; dash: number[]; title?: string }) {
  return (
    <span class="tell" title={title}>
      <svg width="22" height="8">
        <line x1="0" x2="22" y1="4" y2="4" stroke={`var(${colour})`} stroke-width="2" stroke-dasharray={dash.join(' ')} />
      </svg>
      {label}
    </span>
  );
}

function Markouts({ past }: { past: boolean }) {
  const { query } = usePlace();
  const by = KEYS.includes(query.get('by') ?? '') ? query.get('by')! : 'capacity';
  const { value, error, reload } = useApi<MarkoutTable>(`/explain/markouts?by=${by}`, EVERY_MS);
  return (
    <Panel
      title="Markouts, $ a contract"
      note={
        <span class="group">
          {KEYS.map((each) => (
            <button key={each} class={each === by ? 'on' : ''} onClick={() => setQuery({ by: each === 'capacity' ? null : each })}>
              {each}
            </button>
          ))}
        </span>
      }
    >
      {past && <div class="why amber">Markouts are those of now, not of the moment that is shown.</div>}
      {error && !value && <Problem what="No markouts" why={error} again={reload} />}
      {value && value.reason && <Empty what="No trade yet" why={value.reason} />}
      {value && !value.reason && <MarkoutTableView table={value} />}
    </Panel>
  );
}

function horizonText(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${seconds / 60} min`;
}

// The edge of all trades and what came after, so that horizons with fewer trades can be compared.
function since(row: MarkoutRow, at: HorizonRow): number | null {
  return known(row.edge_usd) && known(at.adverse_usd) ? row.edge_usd + at.adverse_usd : null;
}

function MarkoutTableView({ table }: { table: MarkoutTable }) {
  const shown = table.rows.slice(0, 5);
  const x = ['trade', ...table.horizons_s.map(horizonText)].map((_, n) => n);
  const lines = useMemo<Line[]>(
    () =>
      shown.map((row, n) => ({
        label: row.name,
        colour: n === 0 ? '--ink' : `--c${n}`,
        dash: n === 0 ? [] : DASHES[n - 1]!,
        width: n === 0 ? 2 : 1.4,
        values: [row.edge_usd, ...row.horizons.map((each) => since(row, each))].map((each) => each ?? Number.NaN),
      })),
    [table],
  );
  const name = (n: number) => (Number.isInteger(n) ? (['trade', ...table.horizons_s.map(horizonText)][n] ?? '') : '');
  return (
    <div class="markouts">
      <div class="chart">
        <Chart x={x} lines={lines} time={false} format={short} formatX={name} />
      </div>
      <table>
        <thead>
          <tr>
            <th class="text">{table.by}</th>
            <th>trades</th>
            <th>lots</th>
            <th title="theoretical value less price, at the trade">edge</th>
            {table.horizons_s.map((each) => (
              <th key={each} title="the edge, and what happened since, hedged of direction: the mean of trades with a value then">
                {horizonText(each)}
              </th>
            ))}
            <th class="optional" title="share of the edge that the other side took by then">
              given back<small>{horizonText(table.horizons_s.at(-2) ?? 0)}</small>
            </th>
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, n) => (
            <tr key={row.name} class={n === 0 ? 'all' : ''}>
              <td class="text">
                {n < shown.length && <Legend label="" colour={n === 0 ? '--ink' : `--c${n}`} dash={n === 0 ? [] : DASHES[n - 1]!} />} {row.name.replaceAll('_', ' ')}
              </td>
              <td class="soft">{row.fills}</td>
              <td class="soft">{fixed(row.contracts, 0)}</td>
              <td>
                <Num value={row.edge_usd} unit="USD a contract" sign colour reason="no theoretical value at some trade" test={`edge:${row.name}`} />
              </td>
              {row.horizons.map((each) => (
                <td key={each.horizon_s}>
                  <Num
                    value={since(row, each)}
                    unit={`USD a contract, ± ${known(each.standard_error_usd) ? short(each.standard_error_usd) : '?'}, of ${each.fills} trades; ${each.fills_without} without a value then`}
                    sign
                    colour
                    reason={each.fills ? '' : 'no trade is that old yet, or nothing was published in time'}
                    test={`markout:${row.name}:${each.horizon_s}`}
                  />
                </td>
              ))}
              <td class="soft optional">{percent(row.horizons.at(-2)?.give_back)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {table.left_out > 0 && <div class="why">{table.left_out} more, with fewer lots</div>}
    </div>
  );
}
