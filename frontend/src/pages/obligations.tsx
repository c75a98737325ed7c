// Obligations: may we be away, and how near is a protection to a trip? Clocks of quoted time, widths and sizes against duty, counters.
import { useState } from 'preact/hooks';
import { ActSheet } from '../components/act_sheet';
import { Bullet } from '../components/bullet';
import { Num } from '../components/number';
import { Empty, Panel } from '../components/panel';
import { useReplay, useReplayTopic } from '../components/replay';
import { age, clock, fixed, full, instant, known, msOf, percent, short } from '../format';
import { useKeys } from '../keyboard';
import { setQuery, usePlace } from '../router';
import { may } from '../session';
import { useFrame } from '../store';

interface DutyRow {
  name: string;
  venue: string;
  role: string;
  option_class: string;
  measured: string;
  period: string;
  time_share: number;
  told: boolean;
  suspended: boolean;
  reason: string;
  closes_ns: string;
  left_s: number | null;
  series: number;
  quoted: number;
  needed: number;
  passed_s: number;
  quoted_s: number;
  whole_s: number | null;
  so_far: number | null;
  headroom_s: number | null;
  headroom_share: number | null;
  reserve_share: number;
  width_share: number | null;
  width: number | null;
  width_allowed: number | null;
  width_symbol: string;
  size_min: number;
  size: number | null;
  size_symbol: string;
  size_ratio_min: number;
}

interface TallyRow {
  tally: string;
  unit: string;
  used: number;
  at: number;
  limit: number;
  netting: string;
}

interface ScopeRow {
  name: string;
  venue: string;
  covers: string;
  window: string;
  frozen_for: string;
  state: string;
  until_ns: string;
  used: number;
  tallies: TallyRow[];
  trips: number;
  reset_after_s: number;
}

interface ObligationsData {
  duties: DutyRow[];
  no_duty: string;
  scopes: ScopeRow[];
  no_scope: string;
  frozen_series: number;
  budgets: { venue: string; left: number; burst: number; per_s: number; used: number }[];
  trips: { at_ns: string; scope: string; text: string }[];
}

interface DetailData {
  name: string;
  total: number;
  series: {
    symbol: string;
    bid: number | null;
    ask: number | null;
    width: number | null;
    width_allowed: number | null;
    width_share: number | null;
    bid_size: number;
    ask_size: number;
    counts: boolean;
    why: string;
  }[];
  problem?: string;
}

export function ObligationsPage() {
  const frame = useFrame<ObligationsData>('obligations');
  useReplayTopic('obligations');
  const { query } = usePlace();
  const [resetting, setResetting] = useState<string | null>(null);
  const duties = frame?.data.duties ?? [];
  const at = Math.max(0, duties.findIndex((each) => each.name === query.get('duty')));
  const go = (by: number) => setQuery({ duty: duties[Math.max(0, Math.min(duties.length - 1, at + by))]?.name ?? null });
  useKeys({ j: () => go(1), k: () => go(-1) }, [at, duties]);
  if (!frame) return <Empty what="Waiting for the desk …" />;
  const { data } = frame;
  const shown = duties[at];
  return (
    <div class="obligations">
      <Panel title="Duties, least headroom first" note="clock: quoted time runs right, missed time left, towards the same mark" class="duties">
        {data.no_duty ? <Empty what="No duties" why={data.no_duty} /> : <Duties rows={duties} at={at} />}
      </Panel>
      {shown && <Detail row={shown} />}
      <Panel title="Protections, fullest first" note={data.frozen_series ? <span class="red">■ {data.frozen_series} series are not quoted</span> : '│ trips'} class="protections">
        {data.no_scope ? <Empty what="No protections" why={data.no_scope} /> : <Scopes data={data} atNs={frame.atNs} onReset={setResetting} />}
      </Panel>
      <Panel title="Trips" note="newest first" class="trips">
        <Trips trips={data.trips} />
      </Panel>
      {resetting && (
        <ActSheet title={`Reset ${resetting}`} path="/protection/reset" body={{ scope: resetting }} permission="reset" button="hold to reset" onClose={() => setResetting(null)}>
          <p class="soft">It is armed again and forgets what it counted. Our count of a venue's protection is a mirror: the venue keeps its own until it is reset there.</p>
        </ActSheet>
      )}
    </div>
  );
}

function Duties({ rows, at }: { rows: DutyRow[]; at: number }) {
  return (
    <table>
      <thead>
        <tr>
          <th class="text" colSpan={2}>
            duty
          </th>
          <th title="series whose quotes at work meet the duty, of those in it">
            quoted<small>series</small>
          </th>
          <th title="of the time that has passed">
            so far<small>% of time</small>
          </th>
          <th title="how long everything may still be off at once">
            headroom<small>minutes</small>
          </th>
          <th class="text bulletcol" title="time missed, of what may be missed in the period">
            missed<small>of what may be</small>
          </th>
          <th class="text bulletcol" title="the widest quote against the widest that the duty allows for it">
            widest quote<small>of duty width</small>
          </th>
          <th title="the smallest side of a two-sided quote, against the least that the duty asks">
            size<small>least / duty</small>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, n) => (
          <Duty key={row.name} row={row} here={n === at} />
        ))}
      </tbody>
    </table>
  );
}

// Of what may be missed in the period, how much is.
function missedShare(row: DutyRow): number | null {
  const most = known(row.whole_s) ? row.whole_s * (1 - row.time_share) : 0;
  return most > 0 ? (row.passed_s - row.quoted_s) / most : null;
}

function Duty({ row, here }: { row: DutyRow; here: boolean }) {
  const broken = known(row.headroom_share) && row.headroom_share < 0;
  const thin = !broken && known(row.headroom_share) && row.headroom_share < row.reserve_share;
  const missed = missedShare(row);
  const reserve = row.time_share < 1 ? row.reserve_share / (1 - row.time_share) : 0;
  const step = broken ? 'HARD' : thin ? 'ALERT' : 'NORMAL';
  const wide = known(row.width_share) && row.width_share > 1.000001;
  const small = known(row.size) && row.size < row.size_min;
  const why = row.reason || (row.suspended ? 'its clock stands still: somebody called the market fast' : '');
  return (
    <tr class={`pickable ${here ? 'at' : ''}`} onClick={() => setQuery({ duty: row.name })}>
      <td class="clockcell">
        <Clock row={row} step={step} />
      </td>
      <td class="text" title={`${row.name}\n${row.measured === 'series_seconds' ? 'seconds of every series, added up' : `seconds with at least ${row.needed} series quoted`}, over a ${row.period}`}>
        <b>{row.option_class || 'all classes'}</b>
        <small class="block soft">
          {row.venue} {row.role.replaceAll('_', ' ')}
        </small>
        {why && <small class={`block ${row.told ? 'soft' : 'amber'}`}>{why}</small>}
      </td>
      <td class={row.quoted < row.needed ? 'strong' : ''}>
        {row.quoted} / {row.series}
      </td>
      <td title={`${age(row.quoted_s)} of ${age(row.passed_s)}, ${row.measured === 'series_seconds' ? 'of all series added up' : 'of the session'}`}>
        <Num value={known(row.so_far) ? 100 * row.so_far : null} places={1} reason="nothing has passed yet" test={`so-far:${row.name}`} />
        <span class="faint"> / {fixed(100 * row.time_share, 0)}</span>
      </td>
      <td class={broken ? 'red' : thin ? 'amber' : ''} title={known(row.left_s) ? `of ${fixed(row.left_s / 60, 0)} min left in the session${row.closes_ns ? `, which ends at ${instant(row.closes_ns)}` : ''}` : row.reason}>
        {broken ? '■ ' : thin ? '▲ ' : ''}
        <Num value={known(row.headroom_s) ? row.headroom_s / 60 : null} places={1} unit="minutes" reason={row.reason} test={`headroom:${row.name}`} />
      </td>
      <td class="bulletcol">
        <Bullet share={missed} soft={1 - reserve} critical={1} step={step} />
        <small class="block soft">{broken ? 'can no longer be met' : known(missed) ? percent(missed, 1) : why || '–'}</small>
      </td>
      <td class="bulletcol" title={row.width_symbol ? `${row.width_symbol}: ${fixed(row.width, 2)} wide, ${fixed(row.width_allowed, 2)} allowed` : 'nothing is quoted on both sides'}>
        <Bullet share={row.width_share} soft={1} critical={1} step={wide ? 'HARD' : 'NORMAL'} missing="nothing is quoted on both sides" />
        <small class={`block ${wide ? 'red' : 'soft'}`}>{known(row.width) ? `${fixed(row.width, 2)} / ${fixed(row.width_allowed, 2)}` : 'nothing quoted'}</small>
      </td>
      <td class={small ? 'red' : ''} title={row.size_symbol ? `${row.size_symbol}${row.size_ratio_min ? `; the smaller side at least ${percent(row.size_ratio_min)} of the larger` : ''}` : 'nothing is quoted on both sides'}>
        {known(row.size) ? row.size : '–'} / {row.size_min}
      </td>
    </tr>
  );
}

// Quoted time runs clockwise from twelve, missed time the other way: whichever reaches the mark first decides.
function Clock({ row, step }: { row: DutyRow; step: string }) {
  const whole = row.whole_s ?? 0;
  const [quoted, missed] = whole > 0 ? [row.quoted_s / whole, (row.passed_s - row.quoted_s) / whole] : [0, 0];
  const told = known(row.whole_s)
    ? `${percent(quoted, 1)} of the ${row.period} is quoted, ${percent(missed, 1)} missed; the duty asks for ${percent(row.time_share, 1)}`
    : row.reason || 'no clock';
  const mark = 2 * Math.PI * row.time_share;
  return (
    <svg class="dial" viewBox="-20 -20 40 40" role="img" aria-label={told}>
      <title>{told}</title>
      <circle class="rest" r="14" />
      {quoted > 0 && <path class="quoted" d={arc(0, Math.min(quoted, 0.9999))} />}
      {missed > 0 && <path class={`missed ${step}`} d={arc(1 - Math.min(missed, 0.9999), 1)} />}
      {whole > 0 && <line class="mark" x1={9 * Math.sin(mark)} y1={-9 * Math.cos(mark)} x2={19 * Math.sin(mark)} y2={-19 * Math.cos(mark)} />}
    </svg>
  );
}

function arc(from: number, to: number): string {
  const at = (share: number) => `${(14 * Math.sin(2 * Math.PI * share)).toFixed(2)} ${(-14 * Math.cos(2 * Math.PI * share)).toFixed(2)}`;
  return `M${at(from)}A14 14 0 ${to - from > 0.5 ? 1 : 0} 1 ${at(to)}`;
}

function Detail({ row }: { row: DutyRow }) {
  const topic = `duty:${row.name}`;
  const frame = useFrame<DetailData>(topic);
  useReplayTopic(topic);
  const data = frame?.data;
  const away = row.series - row.quoted;
  return (
    <Panel title="Series, tightest first" note={data?.series ? `${data.series.length} of ${data.total}${away ? `, ${away} do not count now` : ''}` : ''} class="dutyseries">
      {!data?.series && <Empty what={data?.problem ?? `Waiting for ${row.name} …`} />}
      {data?.series?.length === 0 && <Empty what="No series is in duty now" />}
      {data?.series && data.series.length > 0 && (
        <table>
          <thead>
            <tr>
              <th class="text">series</th>
              <th class="optional">bid</th>
              <th class="optional">ask</th>
              <th title="of the quote that this cycle decided">width</th>
              <th>allowed</th>
              <th>sizes</th>
              <th class="text fill">why</th>
            </tr>
          </thead>
          <tbody>
            {data.series.map((each) => (
              <tr key={each.symbol}>
                <td class="text">
                  <span class={each.counts ? 'faint' : 'amber'} title={each.counts ? 'its quotes at work meet the duty' : 'no quotes at work that meet the duty'}>
                    {each.counts ? '✓' : '▲'}
                  </span>{' '}
                  {each.symbol}
                </td>
                <td class="optional">
                  <Num value={each.bid} places={2} reason={each.why} />
                </td>
                <td class="optional">
                  <Num value={each.ask} places={2} reason={each.why} />
                </td>
                <td class={known(each.width_share) && each.width_share > 1.000001 ? 'red' : ''}>
                  <Num value={each.width} places={2} reason={each.why} />
                </td>
                <td class="soft">
                  <Num value={each.width_allowed} places={2} reason="not in duty" />
                </td>
                <td>
                  {each.bid_size} × {each.ask_size}
                </td>
                <td class="text soft cut" title={each.why}>
                  {each.why}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Scopes({ data, atNs, onReset }: { data: ObligationsData; atNs: bigint; onReset: (scope: string) => void }) {
  const replay = useReplay();
  const allowed = may('reset') && !replay.on;
  return (
    <table>
      <thead>
        <tr>
          <th class="text">protection</th>
          <th class="text">state</th>
          <th class="text bulletcol">fullest count</th>
          <th class="text">
            at / trips<small>unit</small>
          </th>
          <th class="optional">trips</th>
          <th />
        </tr>
      </thead>
      <tbody>
        {data.scopes.map((each) => (
          <Scope key={each.name} row={each} atNs={atNs} allowed={allowed} onReset={onReset} />
        ))}
        {data.budgets.map((each) => (
          <tr key={`budget ${each.venue}`}>
            <td class="text" title={`${full(each.per_s)} a second come back`}>
              messages <span class="soft">{each.venue}</span>
            </td>
            <td class="text">{each.left > 0 ? 'flowing' : <span class="red">■ WAITING</span>}</td>
            <td class="bulletcol">
              <Bullet share={each.used} soft={0.5} critical={0.9} step={each.left > 0 ? 'NORMAL' : 'HARD'} />
            </td>
            <td class="text">
              {full(each.burst - each.left)} / {full(each.burst)} <span class="soft">messages</span>
            </td>
            <td class="optional" />
            <td />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Scope({ row, atNs, allowed, onReset }: { row: ScopeRow; atNs: bigint; allowed: boolean; onReset: (scope: string) => void }) {
  const frozen = row.state === 'frozen';
  const first = row.tallies[0];
  const full_ = !frozen && row.used >= 1;
  const left = row.until_ns ? (msOf(row.until_ns) - msOf(atNs)) / 1000 : null;
  const step = frozen ? 'HARD' : row.used >= 0.9 ? 'ESCALATE' : row.used >= 0.5 ? 'ALERT' : 'NORMAL';
  return (
    <tr>
      <td class="text" title={`${row.name}\ncounts over ${row.window}\na trip takes the quotes away ${row.frozen_for.startsWith('until') ? row.frozen_for : `for ${row.frozen_for}`}`}>
        {row.covers} <span class="soft">{row.venue || 'ours, over all venues'}</span>
      </td>
      <td class="text" title={row.until_ns ? `until ${instant(row.until_ns)}` : ''}>
        {frozen ? (
          <span class="chip red">■ FROZEN{known(left) ? ` ${age(Math.max(left, 0))}` : ''}</span>
        ) : full_ ? (
          <span class="amber" title="what it counted is not forgotten yet">
            ▲ next fill trips
          </span>
        ) : (
          'armed'
        )}
      </td>
      <td class="bulletcol">
        <Bullet share={row.used} soft={0.5} critical={0.9} step={step} />
      </td>
      <td class="text" title={row.tallies.map((each) => `${short(each.at)} of ${short(each.limit)} ${each.unit}, ${each.netting}`).join('\n')} data-test={`protection:${row.name}`} data-value={row.used}>
        {first && (
          <>
            {short(first.at)} / {short(first.limit)} <span class="soft">{first.unit}</span>
          </>
        )}
      </td>
      <td class="optional">{row.trips || ''}</td>
      <td>
        <button disabled={!allowed} onClick={() => onReset(row.name)} title={allowed ? 'arm it again: what it counted is forgotten' : 'your role may not reset it, or this is the past'} data-test={`reset:${row.name}`}>
          reset
        </button>
      </td>
    </tr>
  );
}

function Trips({ trips }: { trips: ObligationsData['trips'] }) {
  if (trips.length === 0) return <Empty what="None has tripped" why="A trip takes quotes away before a burst of fills becomes a loss." />;
  return (
    <ul class="story">
      {trips.map((each) => (
        <li key={`${each.at_ns}:${each.scope}`} title={instant(each.at_ns)}>
          <time>{clock(each.at_ns)}</time>
          <span class="kind cut">{each.scope.split('/').at(-1)}</span>
          <span class="text">
            {each.scope.startsWith('shadow/') ? 'our own' : each.scope.split('/')[0]}: {each.text}
          </span>
        </li>
      ))}
    </ul>
  );
}
