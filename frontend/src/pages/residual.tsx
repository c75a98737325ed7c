// Residual: what do the hedges leave behind, and who answers for it? The ledger of the cycle, and its last half hour.
import { useMemo } from 'preact/hooks';
import type { Line } from '../components/chart';
import { Chart } from '../components/chart';
import { Num } from '../components/number';
import { Empty, Panel } from '../components/panel';
import { useReplayTopic } from '../components/replay';
import { RowBar } from '../components/row_bar';
import { full, known, percent, short } from '../format';
import { useFrame } from '../store';
import type { Frame } from '../stream';

interface KindRow {
  kind: string;
  text: string;
  usd: number | null;
}

interface EntryRow {
  kind: string;
  underlying: string;
  source: string;
  owner: string;
  deviation_usd: number | null;
  share_of_variance: number | null;
  expected_cost_usd: number | null;
  horizon_days: number;
  reason: string;
}

interface ResidualData {
  holding_days: number;
  kinds: KindRow[];
  entries: EntryRow[];
  totals: Record<'deviation_usd' | 'expected_cost_usd' | 'model_usd' | 'in_both_usd2' | 'not_in_ledger_usd2' | 'not_in_model_usd2' | 'before_usd', number | null>;
  stated: string[];
  reasons: Record<string, string>;
}

const COLOURS: Record<string, string> = { basis: '--c3', volatility: '--c4', execution: '--c2', event: '--c5', direction: '--c1' };
const NONE_KNOWN = 'no entry can be told: see the reasons in the ledger';

export function ResidualPage() {
  const frame = useFrame<ResidualData>('residual');
  useReplayTopic('residual');
  if (!frame) return <Empty what="Waiting for the ledger …" why="It comes with the first decision." />;
  const { data } = frame;
  return (
    <div class="residual">
      <Kinds data={data} />
      <HistoryPanel frame={frame} />
      <Entries data={data} />
    </div>
  );
}

function horizon(days: number): string {
  if (days >= 0.95) return `${Number(days.toFixed(1))} d`;
  const minutes = days * 1440;
  return minutes >= 59.5 ? `${Number((minutes / 60).toFixed(1))} h` : `${Number(minutes.toFixed(1))} min`;
}

function Kinds({ data }: { data: ResidualData }) {
  const { totals, reasons } = data;
  const most = Math.max(...data.kinds.map((each) => Math.abs(each.usd ?? 0)), 1e-9);
  return (
    <Panel title="Left after the hedges" note={`one standard deviation over ${horizon(data.holding_days)}, $`}>
      <div class="pad big">
        <Num value={totals.deviation_usd} unit="USD" reason={reasons.deviation_usd ?? ''} test="residual" />
        <span class="soft">
          the hedges cost <Num value={totals.expected_cost_usd} unit="USD expected" reason={reasons.expected_cost_usd ?? ''} />
        </span>
      </div>
      <table class="kinds">
        <tbody>
          {data.kinds.map((each) => (
            <tr key={each.kind} title={each.text}>
              <td class="text">
                <i class={`key ${each.kind}`} /> {each.kind}
              </td>
              <td class="wide-bar">
                <RowBar to={each.usd ?? 0} high={most} kind={each.kind} />
              </td>
              <td>{each.usd === 0 ? <span class="none" title="no entry">0</span> : <Num value={each.usd} unit="USD of the deviation" reason={NONE_KNOWN} test={`kind:${each.kind}`} />}</td>
              <td class="soft">{known(each.usd) && totals.deviation_usd ? percent(each.usd / totals.deviation_usd) : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <dl class="facts">
        <dt title="by the factor model of the risk price, over the holding time">factor model before the hedges</dt>
        <dd>
          <Num value={totals.before_usd} unit="USD" />
        </dd>
        <dt title="the same model of the book that is left">factor model after them</dt>
        <dd>
          <Num value={totals.model_usd} unit="USD" reason={reasons.model_usd2 ?? ''} />
        </dd>
        <dt title="variance that the model has and the ledger has not; below 0: the ledger counts more">in the model, not in the ledger</dt>
        <dd>
          <Num value={root(totals.not_in_ledger_usd2)} unit="USD, root of the variance" sign reason={reasons.not_in_ledger_usd2 ?? ''} />
        </dd>
        <dt title="variance that the ledger has and the factors do not know: basis, execution, events">in the ledger, not in the model</dt>
        <dd>
          <Num value={root(totals.not_in_model_usd2)} unit="USD, root of the variance" sign reason={reasons.not_in_model_usd2 ?? ''} />
        </dd>
      </dl>
    </Panel>
  );
}

function root(usd2: number | null): number | null {
  return known(usd2) ? Math.sign(usd2) * Math.sqrt(Math.abs(usd2)) : null;
}

function HistoryPanel({ frame }: { frame: Frame<ResidualData> }) {
  const { columns, data } = frame;
  const x = columns.get('at_s') ?? new Float64Array();
  const stamp = x.length ? x[x.length - 1] : 0;
  // Each bar is the sum of its kind and those after it, drawn before what it is the sum of.
  const lines = useMemo<Line[]>(() => {
    const values = data.kinds.map((each) => Array.from(columns.get(each.kind) ?? []));
    return data.kinds.map((each, n) => ({ label: each.kind, colour: COLOURS[each.kind] ?? '--c5', bars: true, width: 0, told: values[n]!, values: x.length ? Array.from(x, (_, at) => values.slice(n).reduce((sum, of) => sum + (of[at] ?? Number.NaN), 0)) : [] }));
  }, [stamp, x.length]);
  return (
    <Panel
      title="Last 30 min"
      note={
        <>
          {data.kinds.map((each) => (
            <span key={each.kind} class="tell" title={each.text}>
              <i class={`key ${each.kind}`} /> {each.kind}
            </span>
          ))}
        </>
      }
    >
      {x.length === 0 ? <Empty what="Nothing kept yet" why="The ledger is taken every five seconds." /> : <Bars x={x} lines={lines} stamp={stamp} />}
    </Panel>
  );
}

// Drawn again only when a ledger was taken.
function Bars({ x, lines, stamp }: { x: ArrayLike<number>; lines: Line[]; stamp: number | undefined }) {
  const at = useMemo(() => x, [stamp, x.length]);
  return (
    <div class="chart whole">
      <Chart x={at} lines={lines} format={short} />
    </div>
  );
}

function Entries({ data }: { data: ResidualData }) {
  return (
    <Panel title="Ledger, largest first" note={<span title={data.stated.join('\n')}>{data.stated[0]}</span>} class="ledger">
      {data.entries.length === 0 && <Empty what="Nothing is left" why="The book is flat in every measure, and no event falls within the holding time." />}
      {data.entries.length > 0 && (
        <table>
          <thead>
            <tr>
              <th class="text">kind</th>
              <th class="text">underlying</th>
              <th class="text">left by</th>
              <th class="text optional">owner</th>
              <th>
                deviation<small>$</small>
              </th>
              <th>
                of variance<small>%</small>
              </th>
              <th>
                expected cost<small>$</small>
              </th>
              <th>horizon</th>
            </tr>
          </thead>
          <tbody>
            {data.entries.map((each) => (
              <tr key={`${each.kind}:${each.underlying}:${each.source}`} title={each.reason}>
                <td class="text">
                  <i class={`key ${each.kind}`} /> {each.kind}
                </td>
                <td class="text">
                  <a href={`/desk?underlying=${encodeURIComponent(each.underlying)}`}>{each.underlying}</a>
                </td>
                <td class="text soft">{each.source}</td>
                <td class="text soft optional">{each.owner}</td>
                <td>
                  <Num value={each.deviation_usd} unit="USD" reason={each.reason} test={`entry:${each.underlying}:${each.kind}:${each.source}`} />
                </td>
                <td class="soft">{known(each.share_of_variance) ? percent(each.share_of_variance, 1) : <Num value={null} reason={each.reason} />}</td>
                <td>
                  <Num value={each.expected_cost_usd} unit="USD" reason={each.reason} />
                </td>
                <td class="soft" title={full(each.horizon_days, 'days')}>
                  {horizon(each.horizon_days)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
