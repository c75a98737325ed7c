// Class: the chain as traders know it, our quotes beside the market's, and why they lean.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Num } from '../components/number';
import { Empty, Panel, Problem } from '../components/panel';
import { useReplayTopic } from '../components/replay';
import type { TableColumn } from '../components/virtual_table';
import { VirtualTable } from '../components/virtual_table';
import { age, clock, day, fixed, full, instant, known, percent, placesOf, short } from '../format';
import { useKeys } from '../keyboard';
import type { Head } from '../model';
import { go, setQuery, usePlace } from '../router';
import { useApi, useFrame } from '../store';
import type { Column, Frame } from '../stream';

interface Listing {
  option_class: string;
  underlying: string;
  version: number;
  currency: string;
  multiplier: number;
  expiries: { slice: number; expiry_ns: string; first: number; series: number }[];
  symbols: string[];
  strikes: number[];
  rights: number[];
  ticks_per_unit: number[];
  reason_texts: Record<string, string>;
  status_texts: Record<string, string>;
}

interface SliceRow {
  slice: number;
  days: number | null;
  forward: number | null;
  atm_vol: number | null;
  confidence: number | null;
  net: number;
  vega_usd_per_point: number | null;
  reason: string;
  warning: string;
}

interface ClassData {
  option_class: string;
  underlying: string;
  version: number;
  spot: number | null;
  spot_age_s: number | null;
  quoted: number;
  live: number;
  net: number;
  vega_usd_per_point: number | null;
  delta_usd: number | null;
  slices: SliceRow[];
  responses: { side: string; step: string; action: string; limit: string }[];
  fills: { at_ns: string; symbol: string; side: number; quantity: number; price: number; edge_usd: number | null; is_hedge: boolean }[];
  reasons: [string, number][];
  problem?: string;
}

interface Pair {
  slice: number;
  strike: number;
  call: number; // place in the columns, -1: not listed
  put: number;
}

const FRESH_S = 60;
const QUOTED_LEAST = 0.95; // of live series; below it the page says why
const STALE_STATUS = new Set(['older than the freshness limit, or from the future', 'an earlier snapshot under a new time, or quotes of a day without a session']);

export function ClassPage() {
  const place = usePlace();
  const head = useFrame<Head>('head');
  const classes = head?.data.scopes.classes ?? [];
  const name = place.parts[0] ?? classes[0] ?? '';
  useEffect(() => {
    if (!place.parts[0] && name) go(`/class/${encodeURIComponent(name)}${location.search}`, true);
  }, [name]);
  if (!name) return <Empty what={head ? 'No option class is listed' : 'Waiting for the desk …'} />;
  return <OneClass key={name} name={name} classes={classes} />;
}

function OneClass({ name, classes }: { name: string; classes: string[] }) {
  const topic = `class:${name}`;
  const frame = useFrame<ClassData>(topic);
  useReplayTopic(topic);
  const version = frame?.data.version;
  const { value: listing, error, reload } = useApi<Listing>(version === undefined ? null : `/class/${encodeURIComponent(name)}/listing?version=${version}`);
  if (frame?.data.problem) return <Problem what={`No class ${name}`} why={frame.data.problem} />;
  if (error) return <Problem what="The listing could not be read" why={error} again={reload} />;
  if (!frame || !listing || listing.version !== frame.data.version) return <Empty what={`Waiting for ${name} …`} />;
  return <Chain frame={frame} listing={listing} classes={classes} />;
}

function pairsOf(listing: Listing, slice: number | null): Pair[] {
  const pairs: Pair[] = [];
  for (const expiry of listing.expiries) {
    if (slice !== null && expiry.slice !== slice) continue;
    for (let at = expiry.first; at < expiry.first + expiry.series; at++) {
      const strike = listing.strikes[at] ?? NaN;
      let pair = pairs.at(-1);
      if (!pair || pair.slice !== expiry.slice || pair.strike !== strike) {
        pair = { slice: expiry.slice, strike, call: -1, put: -1 };
        pairs.push(pair);
      }
      if (listing.rights[at] === 1) pair.call = at;
      else pair.put = at;
    }
  }
  return pairs;
}

function Chain({ frame, listing, classes }: { frame: Frame<ClassData>; listing: Listing; classes: string[] }) {
  const { query } = usePlace();
  const { data } = frame;
  const wanted = query.get('expiry');
  const picked = query.get('series');
  const pickedAt = picked ? listing.symbols.indexOf(picked) : -1;
  const all = wanted === 'all';
  const slice = all ? null : sliceOf(listing, wanted, pickedAt);
  const vols = query.get('in') === 'vol';
  const pairs = useMemo(() => pairsOf(listing, slice), [listing, slice]);
  const atm = useMemo(() => nearest(pairs, data), [pairs, data.slices[0]?.forward]);
  const usual = useMemo(() => listing.symbols[pairs[atm]?.call ?? -1] ?? null, [pairs]); // the one at the money when the chain was opened
  const shown = picked ?? usual;
  const [at, setAt] = useState(-1);
  const pick = (place: number) => place >= 0 && setQuery({ series: listing.symbols[place] ?? null });
  useKeys(
    {
      j: () => setAt((n) => Math.min((n < 0 ? atm : n) + 1, pairs.length - 1)),
      k: () => setAt((n) => Math.max((n < 0 ? atm : n) - 1, 0)),
      Enter: () => pairs[at] && pick(pairs[at].call),
      v: () => setQuery({ in: vols ? null : 'vol' }),
      '[': () => slice !== null && setQuery({ expiry: String(Math.max(0, slice - 1)), series: null }),
      ']': () => slice !== null && setQuery({ expiry: String(Math.min(listing.expiries.length - 1, slice + 1)), series: null }),
    },
    [at, atm, pairs, vols, slice],
  );
  const columns = columnsOf(frame, listing, pairs, vols, all, pickedAt);
  return (
    <div class="class">
      <ClassBar frame={frame} listing={listing} classes={classes} slice={slice} vols={vols} all={all} />
      <Panel
        title={slice === null ? 'all expiries' : title(listing, data, slice)}
        note={<SliceNote data={data} slice={slice} />}
        class="chain"
      >
        <VirtualTable
          columns={columns}
          over={
            <>
              <span class="of calls">CALLS</span>
              <span />
              <span class="of puts">PUTS</span>
            </>
          }
          rows={pairs.length}
          at={at}
          onAt={setAt}
          onEnter={(row) => pick(pairs[row]?.call ?? -1)}
          onCell={(row, key) => pick((key.startsWith('p') ? pairs[row]?.put : pairs[row]?.call) ?? -1)}
          rowKind={(row) => (row === atm ? 'atm' : '')}
          center={pickedAt >= 0 ? pairs.findIndex((each) => each.call === pickedAt || each.put === pickedAt) : atm}
          centerKey={`${listing.version}:${slice}`}
        />
      </Panel>
      <div class="side">
        <AnatomyPanel symbol={shown} places={placesOf(listing.ticks_per_unit[Math.max(shown ? listing.symbols.indexOf(shown) : 0, 0)] ?? 100)} />
        <FillsPanel data={data} listing={listing} />
      </div>
    </div>
  );
}

function sliceOf(listing: Listing, wanted: string | null, pickedAt: number): number {
  const told = Number(wanted);
  if (wanted !== null && Number.isInteger(told) && told >= 0 && told < listing.expiries.length) return told;
  if (pickedAt >= 0) return listing.expiries.find((each) => pickedAt >= each.first && pickedAt < each.first + each.series)?.slice ?? 0;
  return 0;
}

function nearest(pairs: Pair[], data: ClassData): number {
  let best = 0;
  let least = Infinity;
  pairs.forEach((pair, n) => {
    const forward = data.slices[pair.slice]?.forward ?? data.spot;
    if (!known(forward)) return;
    const off = Math.abs(pair.strike - forward);
    if (off < least) [best, least] = [n, off];
  });
  return best;
}

function title(listing: Listing, data: ClassData, slice: number): string {
  const days = data.slices[slice]?.days;
  return `${day(listing.expiries[slice]?.expiry_ns ?? '0')}${known(days) ? ` · ${fixed(days, days < 10 ? 1 : 0)} days` : ''}`;
}

function SliceNote({ data, slice }: { data: ClassData; slice: number | null }) {
  const row = slice === null ? undefined : data.slices[slice];
  if (!row) return <span>{data.live} series</span>;
  if (row.reason) return <span class="red">■ {row.reason}</span>;
  return (
    <span title={row.warning}>
      forward {fixed(row.forward, 2)} · ATM vol {percent(row.atm_vol, 1)} · net {fixed(row.net, 0, true)} · vega {short(row.vega_usd_per_point, true)} {row.warning && <span class="amber">▲ {row.warning}</span>}
    </span>
  );
}

function ClassBar({ frame, listing, classes, slice, vols, all }: { frame: Frame<ClassData>; listing: Listing; classes: string[]; slice: number | null; vols: boolean; all: boolean }) {
  const { data } = frame;
  return (
    <div class="bar">
      {classes.length > 1 ? (
        <select value={listing.option_class} aria-label="class" onChange={(event) => go(`/class/${encodeURIComponent(event.currentTarget.value)}`)}>
          {classes.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      ) : (
        <b>{listing.option_class}</b>
      )}
      <span title={data.underlying}>
        spot <b><Num value={data.spot} places={2} ageS={data.spot_age_s} freshS={FRESH_S} /></b>
      </span>
      <span class="soft" title={data.reasons.map(([why, n]) => `${n} ${why}`).join('\n')}>
        quoting <b class={data.quoted === 0 && data.live > 0 ? 'red' : ''}>{data.quoted}</b> of {data.live}
      </span>
      {data.quoted < QUOTED_LEAST * data.live && <Withheld data={data} />}
      <span class="soft">
        net <b><Num value={data.net} places={0} sign colour /></b> · Δ <b><Num value={known(data.delta_usd) ? data.delta_usd / 100 : null} unit="USD per 1 %" sign colour /></b> · V{' '}
        <b><Num value={data.vega_usd_per_point} unit="USD per vol point" sign colour /></b>
      </span>
      {data.responses
        .filter((each) => each.step !== 'NORMAL')
        .map((each) => (
          <span key={each.side} class={`chip ${each.step}`} title={`${each.limit}: ${each.action}`}>
            {each.side} side: {each.step}
          </span>
        ))}
      <span class="tabs">
        {listing.expiries.map((each) => (
          <button key={each.slice} class={each.slice === slice ? 'on' : ''} onClick={() => setQuery({ expiry: String(each.slice), series: null })} title={instant(each.expiry_ns)}>
            {day(each.expiry_ns)}
            <small>{data.slices[each.slice]?.net ? fixed(data.slices[each.slice]?.net, 0, true) : ''}</small>
          </button>
        ))}
        <button class={all ? 'on' : ''} onClick={() => setQuery({ expiry: 'all', series: null })}>
          all
        </button>
      </span>
      <span class="group" title="prices or volatilities (v)">
        <button class={vols ? '' : 'on'} onClick={() => setQuery({ in: null })}>
          price
        </button>
        <button class={vols ? 'on' : ''} onClick={() => setQuery({ in: 'vol' })}>
          vol %
        </button>
      </span>
    </div>
  );
}

const CALM = /^(neutral|leaned)/;

// Why the rest is not quoted on both sides: the reason of most of it.
function Withheld({ data }: { data: ClassData }) {
  const [why, n] = [...data.reasons].filter(([text]) => !CALM.test(text)).sort((a, b) => b[1] - a[1])[0] ?? [];
  if (!why) return null;
  return (
    <span class={`withheld ${data.quoted === 0 ? 'red' : 'amber'}`} title={`${n} × ${why}`}>
      {data.quoted === 0 ? '■' : '▲'} {n} × {why}
    </span>
  );
}

const EMPTY = new Float64Array();

function columnsOf(frame: Frame<ClassData>, listing: Listing, pairs: Pair[], vols: boolean, all: boolean, pickedAt: number): TableColumn[] {
  const { data } = frame;
  const of = (name: string): Column => frame.columns.get(name) ?? EMPTY;
  const [position, theo, bid, ask] = [of('position'), of('theo'), of('bid'), of('ask')];
  const [bidSize, askSize, marketBid, marketAsk] = [of('bid_size'), of('ask_size'), of('market_bid'), of('market_ask')];
  const [vol, volBid, volAsk, vega] = [of('vol'), of('vol_bid'), of('vol_ask'), of('vega_quote')];
  const [lean, half, reason, status, ages] = [of('lean'), of('half_spread'), of('reason'), of('status'), of('age_s')];
  const places = (at: number) => placesOf(listing.ticks_per_unit[at] ?? 100);
  const money = (values: Column, at: number) => (at < 0 ? '' : fixed(values[at], places(at)));
  // What a price of ours is in volatility: from fair value, along vega.
  const ours = (values: Column, at: number) => (at < 0 ? '' : vols ? fixed(100 * (vol[at] ?? NaN) + ((values[at] ?? NaN) - (theo[at] ?? NaN)) / (vega[at] ?? NaN), 1) : money(values, at));
  const theirs = (values: Column, inVol: Column, at: number) => (at < 0 ? '' : vols ? fixed(100 * (inVol[at] ?? NaN), 1) : money(values, at));
  const stale = (at: number) => at >= 0 && (STALE_STATUS.has(listing.status_texts[status[at] ?? 0] ?? '') || (ages[at] ?? 0) > FRESH_S);
  const why = (at: number) => (at < 0 ? 'not listed' : `${listing.symbols[at]}\n${listing.reason_texts[reason[at] ?? 0] ?? ''}`);
  const market = (at: number) => (at < 0 ? '' : `${listing.status_texts[status[at] ?? 0] ?? ''}, ${age(ages[at])} old`);

  const narrow = matchMedia('(max-width: 1199px)').matches;
  const side = (letter: 'c' | 'p', at: (row: number) => number, right: 1 | -1): TableColumn[] => {
    const itm = (row: number) => {
      const pair = pairs[row];
      const forward = pair && (data.slices[pair.slice]?.forward ?? data.spot);
      return pair && known(forward) && right * (forward - pair.strike) > 0 ? 'itm' : '';
    };
    const base = (row: number) => `cell ${itm(row)} ${at(row) >= 0 && at(row) === pickedAt ? 'pick' : ''}`;
    const quote = (key: string, head: string, values: Column, sizes: Column, colour: string, flip: boolean): TableColumn => ({
      key: letter + key,
      head,
      width: narrow ? 'minmax(62px, 1fr)' : 'minmax(66px, 1fr)',
      kind: (row) => `${base(row)} quote ${known(values[at(row)]) ? colour : 'none'}`,
      title: (row) => why(at(row)),
      cell: (row) => {
        const place = at(row);
        if (place < 0) return '';
        const size = sizes[place] ? <span class="size">{sizes[place]}</span> : null;
        return flip ? <>{size} {ours(values, place)}</> : <>{ours(values, place)} {size}</>;
      },
    });
    const other = (key: string, head: string, values: Column, inVol: Column): TableColumn => ({
      key: letter + key,
      head,
      width: narrow ? 'minmax(44px, 1fr)' : 'minmax(54px, 1fr)',
      kind: (row) => `${base(row)} market ${stale(at(row)) ? 'stale' : ''}`,
      title: (row) => market(at(row)),
      cell: (row) => theirs(values, inVol, at(row)),
    });
    const held: TableColumn = {
      key: `${letter}pos`,
      head: 'pos',
      width: narrow ? '34px' : '44px',
      kind: (row) => `${base(row)} ${tone(position[at(row)])}`,
      cell: (row) => (at(row) < 0 || !position[at(row)] ? '' : fixed(position[at(row)], 0, true)),
    };
    const fair: TableColumn = {
      key: `${letter}theo`,
      head: vols ? 'vol' : 'theo',
      width: narrow ? 'minmax(46px, 1fr)' : 'minmax(56px, 1fr)',
      kind: base,
      title: (row) => (at(row) < 0 ? '' : full(vols ? vol[at(row)] : theo[at(row)])),
      cell: (row) => (at(row) < 0 ? '' : vols ? fixed(100 * (vol[at(row)] ?? NaN), 1) : fixed(theo[at(row)], places(at(row)))),
    };
    const leaning: TableColumn = {
      key: `${letter}lean`,
      head: 'lean',
      width: '48px',
      kind: base,
      title: (row) => (at(row) < 0 ? '' : `leans ${full(lean[at(row)])} of a half-spread of ${full(half[at(row)])}: ${(lean[at(row)] ?? 0) < 0 ? 'keener to sell' : 'keener to buy'}`),
      cell: (row) => (at(row) < 0 ? '' : <Lean lean={lean[at(row)] ?? NaN} half={half[at(row)] ?? NaN} />),
    };
    const ends = narrow ? [held, fair] : [held, leaning, fair];
    const out = [
      ...ends,
      other('mbid', 'mkt bid', marketBid, volBid),
      quote('bid', 'bid', bid, bidSize, 'long', true),
      quote('ask', 'ask', ask, askSize, 'short', false),
      other('mask', 'mkt ask', marketAsk, volAsk),
    ];
    return right === 1 ? out : [...out.slice(ends.length), ...ends.reverse()];
  };
  return [
    ...side('c', (row) => pairs[row]?.call ?? -1, 1),
    {
      key: 'strike',
      head: 'strike',
      width: all ? '120px' : narrow ? '52px' : '72px',
      kind: () => 'strike',
      cell: (row) => {
        const pair = pairs[row];
        if (!pair) return '';
        const told = pair.strike.toLocaleString('en-US');
        return all ? (
          <>
            <span class="size">{day(listing.expiries[pair.slice]?.expiry_ns ?? '0')}</span> {told}
          </>
        ) : (
          told
        );
      },
    },
    ...side('p', (row) => pairs[row]?.put ?? -1, -1),
  ];
}

function tone(value: number | undefined): string {
  return !value ? '' : value > 0 ? 'long' : 'short';
}

// How far inventory leans a quote, in half-spreads: left keener to sell, right keener to buy.
function Lean({ lean, half }: { lean: number; half: number }) {
  const share = Math.max(-1, Math.min(1, lean / half / 3));
  if (!known(share)) return <span class="none">–</span>;
  const width = Math.abs(share) * 20;
  return (
    <svg class="lean" viewBox="0 0 40 14" preserveAspectRatio="none">
      <rect class={share > 0 ? 'bid' : 'ask'} x={share > 0 ? 20 : 20 - width} y="3" width={width} height="8" />
      <line x1="20" x2="20" y1="1" y2="13" />
    </svg>
  );
}

interface Anatomy {
  symbol: string;
  theo: number | null;
  usd_per_unit: number | null;
  parts: { name: string; text: string; bid: number | null; ask: number | null }[];
  distance: { bid: number | null; ask: number | null };
  wanted_bid: number | null;
  wanted_ask: number | null;
  bid: number | null;
  ask: number | null;
  bid_size: number;
  ask_size: number;
  market_bid: number | null;
  market_ask: number | null;
  position: number;
  measures: Record<string, number | null>;
  reason: string;
  in_duty: boolean;
  limits: string[];
}

function AnatomyPanel({ symbol, places }: { symbol: string | null; places: number }) {
  if (!symbol) {
    return (
      <Panel title="Anatomy of a quote">
        <Empty what="Click a quote" why="From fair value, part by part, to the price in ticks: inventory, flow, limits, capital, hedge, edge." />
      </Panel>
    );
  }
  return <OneAnatomy key={symbol} symbol={symbol} places={places} />;
}

function OneAnatomy({ symbol, places }: { symbol: string; places: number }) {
  const topic = `series:${symbol}`;
  const frame = useFrame<Anatomy & { problem?: string }>(topic);
  useReplayTopic(topic);
  const value = frame?.data;
  if (!value) return <Panel title={symbol}><Empty what="…" /></Panel>;
  if (value.problem) return <Panel title={symbol}><Problem what="No such series" why={value.problem} /></Panel>;
  const cell = (told: number | null, sign = false) => <td>{known(told) ? fixed(told, places + 1, sign) : <span class="none" title={value.reason}>–</span>}</td>;
  return (
    <Panel title={symbol} note={<button class="plain" onClick={() => setQuery({ series: null })}>✕</button>}>
      <div class="why">{value.reason}</div>
      <table class="anatomy">
        <thead>
          <tr>
            <th class="text" />
            <th class="long">bid</th>
            <th class="short">ask</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <td class="text strong">fair value</td>
            {cell(value.theo)}
            {cell(value.theo)}
          </tr>
          {value.parts
            .filter((each) => each.bid === null || each.ask === null || Math.abs(each.bid) + Math.abs(each.ask) > 1e-9)
            .map((each) => (
              <tr key={each.name} title={each.name}>
                <td class="text">{each.text}</td>
                {cell(each.bid === null ? null : -each.bid, true)}
                {cell(each.ask, true)}
              </tr>
            ))}
          <tr class="total">
            <td class="text">wanted</td>
            {cell(value.wanted_bid)}
            {cell(value.wanted_ask)}
          </tr>
          <tr>
            <td class="text strong">shown, in ticks</td>
            <td class="long strong">{known(value.bid) ? `${fixed(value.bid, places)}×${value.bid_size}` : '–'}</td>
            <td class="short strong">{known(value.ask) ? `${fixed(value.ask, places)}×${value.ask_size}` : '–'}</td>
          </tr>
          <tr>
            <td class="text soft">market</td>
            <td class="soft">{fixed(value.market_bid, places)}</td>
            <td class="soft">{fixed(value.market_ask, places)}</td>
          </tr>
        </tbody>
      </table>
      <div class="pad soft spread">
        <div>position <Num value={value.position} places={0} sign colour /></div>
        <div>Δ <Num value={known(value.measures['delta_usd']) ? value.measures['delta_usd'] / 100 : null} unit="USD per 1 %, of one contract" sign /></div>
        <div>V <Num value={value.measures['vega_usd_per_point']} unit="USD per point, of one contract" sign /></div>
        <div>Θ <Num value={value.measures['theta_usd_per_day']} unit="USD per day, of one contract" sign /></div>
      </div>
      <div class="pad soft">
        {value.in_duty && <div>under a quoting duty</div>}
        {value.limits.map((each) => (
          <div key={each}>▲ {each}</div>
        ))}
      </div>
    </Panel>
  );
}

function FillsPanel({ data, listing }: { data: ClassData; listing: Listing }) {
  const places = placesOf(listing.ticks_per_unit[0] ?? 100);
  return (
    <Panel title="Fills" note="newest first; edge against fair value">
      {data.fills.length === 0 && <Empty what="No fill yet" />}
      <table class="fills">
        <tbody>
          {data.fills.map((each, n) => (
            <tr key={`${each.at_ns}:${n}`} onClick={() => setQuery({ series: each.symbol })} title={instant(each.at_ns)}>
              <td class="text faint">{clock(each.at_ns)}</td>
              <td class="text">{label(each.symbol, listing)}</td>
              <td class={each.side > 0 ? 'long' : 'short'}>{fixed(each.side * each.quantity, 0, true)}</td>
              <td>{fixed(each.price, places)}</td>
              <td><Num value={each.edge_usd} unit="USD against fair value of the cycle before" sign reason="no fair value was known" /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

// A series in a trader's words: C 5000, 8 Jan.
function label(symbol: string, listing: Listing): string {
  const at = listing.symbols.indexOf(symbol);
  if (at < 0) return symbol;
  const expiry = listing.expiries.find((each) => at >= each.first && at < each.first + each.series);
  return `${listing.rights[at] === 1 ? 'C' : 'P'} ${listing.strikes[at]}, ${expiry ? day(expiry.expiry_ns).slice(0, -3) : ''}`;
}
