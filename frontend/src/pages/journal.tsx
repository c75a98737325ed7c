// Journal: what happened, and why? Search of every record, one of them in full, the desk as it was, and the proof of the chain.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../api';
import { Num } from '../components/number';
import { Empty, Panel, Problem } from '../components/panel';
import { showMoment, useReplay } from '../components/replay';
import { Table } from '../components/table';
import { VirtualTable } from '../components/virtual_table';
import { NONE, clock, fixed, full, instant, percent } from '../format';
import { useKeys } from '../keyboard';
import { setQuery, usePlace } from '../router';
import { useApi } from '../store';

interface Row {
  sequence: number;
  at_ns: string;
  kind: string;
  text: string;
  severity: string;
  who: string;
  cause: number;
}

interface Found {
  records: Row[];
  next_before: number | null;
  complete: boolean;
  looked_down_to: number;
  looked_down_to_ns: string;
}

interface One {
  record: Row;
  fields: { name: string; value: string; unit: string }[];
  links: { sequence: number; what: string; text: string }[];
  limits: { name: string; value: number | null; utilisation: number | null; step: string }[];
  orders: { client_id: number; action: string; symbol: string; side: number; quantity: number; price: number | null; replaces: number }[];
  orders_more: number;
  quotes: { symbol: string; bid: number | null; ask: number | null; bid_size: number | null; ask_size: number | null }[];
  quotes_more: number;
  bytes: number;
  chain: string;
}

interface Status {
  name: string;
  first: number;
  last: number;
  first_ns: string;
  last_ns: string;
  proven: number;
  head: string;
  sealed: boolean;
  taken: number;
  seconds_left: number;
  different: number;
  damage: string;
  proof: { state: string; records: number; text: string };
  groups: string[];
  kinds: string[];
  underlyings: string[];
  persons: string[];
  written_by: Record<string, string>;
}

const USUAL = 'what happened';
const STATUS_MS = 2000;
const FILTERS = ['text', 'underlying', 'symbol', 'who', 'severity'] as const;
const DAY_NS = 86_400_000_000_000n;

export function JournalPage() {
  const { query } = usePlace();
  const { value: status, error } = useApi<Status>('/journal', STATUS_MS);
  const at = Number(query.get('record') ?? query.get('at') ?? 0);
  if (error && !status) return <Problem what="There is no journal to look at" why={error} />;
  if (!status) return <Empty what="Opening the journal …" />;
  return (
    <div class="journal">
      <Filters status={status} />
      <Records status={status} at={at} />
      <div class="side">
        {at > 0 ? <Opened sequence={at} /> : <Panel title="Record"><Empty what="Click a record" why="Its fields with their units, what it follows from, what it led to, and the desk as it was. j and k move, enter shows the moment." /></Panel>}
        <Chain status={status} />
      </div>
    </div>
  );
}

function Filters({ status }: { status: Status }) {
  const { query } = usePlace();
  const day = BigInt(status.first_ns) - (BigInt(status.first_ns) % DAY_NS);
  const change = (name: string) => (event: Event) => setQuery({ [name]: (event.currentTarget as HTMLInputElement).value, record: null });
  const time = (name: string) => {
    const ns = query.get(name);
    return ns ? clock(ns) : '';
  };
  const setTime = (name: string) => (event: Event) => {
    const [h = 0, m = 0, s = 0] = (event.currentTarget as HTMLInputElement).value.split(':').map(Number);
    const empty = !(event.currentTarget as HTMLInputElement).value;
    setQuery({ [name]: empty ? null : String(day + BigInt((h * 60 + m) * 60 + s) * 1_000_000_000n) });
  };
  const some = ['kind', 'from', 'to', ...FILTERS].some((name) => query.get(name));
  return (
    <div class="bar" role="search">
      <input type="search" placeholder="search the records" aria-label="text" value={query.get('text') ?? ''} onChange={change('text')} onInput={later(change('text'))} data-test="search" />
      <select aria-label="kind" value={query.get('kind') ?? USUAL} onChange={change('kind')} data-test="kind">
        <optgroup label="groups">
          {[USUAL, ...status.groups.filter((each) => each !== USUAL)].map((each) => (
            <option key={each}>{each}</option>
          ))}
        </optgroup>
        <optgroup label="one kind">
          {status.kinds.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </optgroup>
      </select>
      <Choice name="underlying" all="all underlyings" choices={status.underlyings} onChange={change('underlying')} />
      <input class="narrow" placeholder="series" aria-label="series" value={query.get('symbol') ?? ''} onChange={change('symbol')} />
      <Choice name="who" all="everybody" choices={status.persons} onChange={change('who')} />
      <Choice name="severity" all="any severity" choices={['notice', 'amber', 'red']} onChange={change('severity')} />
      <label>
        from <input type="time" step={1} value={time('from')} onChange={setTime('from')} />
      </label>
      <label>
        to <input type="time" step={1} value={time('to')} onChange={setTime('to')} />
      </label>
      {some && (
        <button class="plain" onClick={() => setQuery(Object.fromEntries(['kind', 'from', 'to', ...FILTERS].map((name) => [name, null])))}>
          clear
        </button>
      )}
    </div>
  );
}

let timer = 0;

// While somebody types, ask once they pause.
function later(handler: (event: Event) => void): (event: Event) => void {
  return (event) => {
    const { currentTarget } = event;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => handler({ currentTarget } as unknown as Event), 250);
  };
}

function Choice({ name, all, choices, onChange }: { name: string; all: string; choices: string[]; onChange: (event: Event) => void }) {
  const value = usePlace().query.get(name) ?? '';
  return (
    <select aria-label={name} value={value} onChange={onChange}>
      <option value="">{all}</option>
      {choices.map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  );
}

interface Pages {
  rows: Row[];
  next: number | null;
  looking: string; // how far a long search has come
  error: string;
}

const NOTHING: Pages = { rows: [], next: null, looking: '', error: '' };

// Pages of records, newest first; a search that takes long goes on by itself.
function usePages(asked: string, before: number): { pages: Pages; more: () => void } {
  const [pages, setPages] = useState<Pages>({ ...NOTHING, looking: '…' });
  const turn = useRef(0);
  const ask = async (from: number | null, rows: Row[]) => {
    const mine = ++turn.current;
    let cursor = from;
    let all = rows;
    try {
      for (;;) {
        const found = await api<Found>(`/journal/records?${asked}${cursor === null ? '' : `&before=${cursor}`}`);
        if (turn.current !== mine) return;
        all = [...all, ...found.records];
        cursor = found.next_before;
        setPages({ rows: all, next: cursor, looking: found.complete ? '' : clock(found.looked_down_to_ns), error: '' });
        if (found.complete) return;
      }
    } catch (e) {
      if (turn.current === mine) setPages({ rows: all, next: null, looking: '', error: e instanceof ApiError ? e.message : String(e) });
    }
  };
  useEffect(() => {
    void ask(before > 0 ? before : null, []);
    return () => void turn.current++;
  }, [asked, before]);
  return { pages, more: () => pages.next !== null && !pages.looking && void ask(pages.next, pages.rows) };
}

function Records({ status, at }: { status: Status; at: number }) {
  const { query } = usePlace();
  const replay = useReplay();
  const parts = new URLSearchParams({ kind: query.get('kind') ?? USUAL });
  for (const name of FILTERS) if (query.get(name)) parts.set(name, query.get(name) ?? '');
  if (query.get('from')) parts.set('from_ns', query.get('from') ?? '');
  if (query.get('to')) parts.set('to_ns', query.get('to') ?? '');
  // A link to a record shows those up to it; the list then stays as it is while one looks around in it.
  const [from, setFrom] = useState(() => (query.get('at') && !query.get('record') ? at + 1 : 0));
  const { pages, more } = usePages(parts.toString(), from);
  const { rows } = pages;
  const here = rows.findIndex((each) => each.sequence === at);
  const open = (row: number) => rows[row] && setQuery({ record: String(rows[row].sequence) });
  const show = (row: number) => rows[row] && showMoment(rows[row].sequence);
  useKeys({ j: () => open(Math.min(here + 1, rows.length - 1)), k: () => open(Math.max(here - 1, 0)), Enter: () => show(here) }, [here, rows]);
  useEffect(() => {
    if (here >= 0 && here > rows.length - 20) more();
  }, [here]);
  const listed = useRef(status.last);
  const newer = from > 0 || (status.last > listed.current && !replay.on);
  const newest = () => {
    listed.current = status.last;
    setFrom(from > 0 ? 0 : -Date.now()); // anything that is not before: ask anew
  };
  const cell = (name: keyof Row) => (row: number) => rows[row]?.[name];
  return (
    <Panel
      title={from > 0 ? 'Records up to the one linked' : 'Records, newest first'}
      note={
        <>
          {pages.looking && <span>looking {pages.looking !== '…' && `back to ${pages.looking} `}… </span>}
          {newer && (
            <button class="plain" onClick={newest} data-test="newer">
              ▲ newest
            </button>
          )}{' '}
          {rows.length} shown{pages.next === null ? ', no more' : ''}
        </>
      }
    >
      {pages.error && <Problem what="The search failed" why={pages.error} />}
      {!rows.length && !pages.looking && !pages.error && <Empty what="No record is like that" why="Widen the kinds, or clear the search." />}
      <VirtualTable
        rows={rows.length}
        at={here}
        onAt={open}
        onEnter={show}
        onEnd={more}
        columns={[
          { key: 'at', head: 'time, UTC', width: '92px', cell: (row) => rows[row] && clock(rows[row].at_ns, true), title: (row) => (rows[row] ? instant(rows[row].at_ns) : '') },
          { key: 'sequence', head: '#', width: '62px', cell: cell('sequence'), kind: () => 'faint' },
          { key: 'kind', head: 'kind', width: 'minmax(60px, 124px)', cell: cell('kind'), kind: () => 'text soft' },
          { key: 'text', head: 'what', width: 'minmax(160px, 9fr)', cell: (row) => rows[row] && marked(rows[row]), kind: (row) => `text cut ${rows[row]?.severity ?? ''}`, title: (row) => rows[row]?.text ?? '' },
          ...(rows.some((each) => each.who) ? [{ key: 'who', head: 'who', width: '110px', cell: cell('who'), kind: () => 'text soft' }] : []),
        ]}
      />
    </Panel>
  );
}

function marked(row: Row): string {
  return `${row.severity === 'red' ? '■ ' : row.severity === 'amber' ? '▲ ' : ''}${row.text}`;
}

function Opened({ sequence }: { sequence: number }) {
  const { value, error, reload } = useApi<One>(`/journal/records/${sequence}`);
  if (error) return <Panel title={`Record ${sequence}`}><Problem what="It cannot be shown" why={error} again={reload} /></Panel>;
  if (!value) return <Panel title={`Record ${sequence}`}><Empty what="…" /></Panel>;
  const { record } = value;
  return (
    <Panel title={`${record.kind} #${sequence}`} note={<span title={instant(record.at_ns)}>{clock(record.at_ns, true)} UTC</span>} class="opened">
      <div class="pad" data-test="record">
        <p class={record.severity}>{marked(record)}</p>
        <button onClick={() => showMoment(sequence)} data-test="show-moment">
          ◂ show the desk as it was (enter)
        </button>
      </div>
      <Pairs
        rows={[
          ...value.links.map((each): [string, ComponentChildren] => [
            each.what,
            <>
              <a href={`/journal?record=${each.sequence}`}>#{each.sequence}</a> {each.text}
            </>,
          ]),
          ...value.fields.map((each): [string, ComponentChildren] => [
            each.name.replace(/_(ns|ticks|usd|pct)$/, '').replaceAll('_', ' ') + (each.unit === 'ticks' ? ', ticks' : ''),
            each.unit === 'UTC' && /^\d{15,}$/.test(each.value) ? instant(each.value) : `${each.value} ${/UTC|ticks/.test(each.unit) ? '' : each.unit}`,
          ]),
        ]}
      />
      {value.limits.length > 0 && <LimitsThen rows={value.limits} />}
      {value.orders.length > 0 && <Sent one={value} />}
      <More count={value.orders_more} />
      {value.quotes.length > 0 && <Quotes one={value} />}
      <More count={value.quotes_more} />
      <p class="pad faint">
        {value.bytes} bytes, link <span title={value.chain}>{value.chain.slice(0, 16)}…</span>
      </p>
    </Panel>
  );
}

const text = 'text';

function LimitsThen({ rows }: { rows: One['limits'] }) {
  return (
    <Table
      rows={rows}
      row={(each) => ({ key: each.name })}
      columns={[
        { head: 'limit', kind: text, cell: (each) => each.name },
        { head: 'value', cell: (each) => <Num value={each.value} places={0} sign reason="not known then" /> },
        { head: 'of limit', cell: (each) => percent(each.utilisation) },
        { head: '', cell: (each) => <span class={`chip ${each.step}`}>{each.step === 'NORMAL' ? '' : each.step}</span> },
      ]}
    />
  );
}

function Sent({ one }: { one: One }) {
  const of = (tell: (each: One['orders'][number]) => ComponentChildren) => (each: One['orders'][number]) => (each.action === 'cancel' ? '' : tell(each));
  return (
    <Table
      rows={one.orders}
      row={(each) => ({ key: `${each.action}${each.client_id}`, class: each.action === 'cancel' ? 'soft' : '' })}
      columns={[
        { head: 'sent', kind: text, cell: (each) => (each.action === 'cancel' ? 'cancel' : `${each.action} ${each.side > 0 ? 'bid' : 'ask'}`) },
        { head: 'series', kind: text, cell: (each) => each.symbol },
        { head: 'size', cell: of((each) => each.quantity) },
        { head: 'price', cell: of((each) => full(each.price)) },
        { head: 'order', cell: (each) => each.client_id },
      ]}
    />
  );
}

function Quotes({ one }: { one: One }) {
  return (
    <Table
      rows={one.quotes}
      row={(each) => ({ key: each.symbol })}
      columns={[
        { head: 'series', kind: text, cell: (each) => each.symbol },
        { head: 'size', cell: (each) => each.bid_size ?? NONE },
        { head: 'bid', kind: 'long', cell: (each) => full(each.bid) },
        { head: 'ask', kind: 'short', cell: (each) => full(each.ask) },
        { head: 'size', cell: (each) => each.ask_size ?? NONE },
      ]}
    />
  );
}

function More({ count }: { count: number }) {
  return count > 0 ? <p class="pad faint">and {count} more</p> : null;
}

function Chain({ status }: { status: Status }) {
  const [told, setTold] = useState('');
  const { proof } = status;
  const prove = () => api('/journal/proof', { body: {} }).then(() => setTold(''), (e: Error) => setTold(e.message));
  const behind = status.last - status.taken;
  const rows: [string, ComponentChildren][] = [
    ['proven', status.damage ? <span class="red">■ {status.damage}</span> : <span title={`head ${status.head}`} data-test="proven">{`records 1 to ${fixed(status.proven, 0)} of ${fixed(status.last, 0)}, head ${status.head.slice(0, 12)}…`}</span>],
    [
      'taken again',
      <>
        {fixed(status.taken, 0)}
        {behind > 200 && ` of ${fixed(status.last, 0)}, about ${fixed(status.seconds_left, 0)} s more`},{' '}
        {status.different ? <span class="red">■ {status.different} decisions came out differently: another build wrote this, and replay does not show what was</span> : 'every decision as it was'}
      </>,
    ],
    ['file', `${status.sealed ? 'closed in order' : 'open: still written, or not closed in order'}; flatbook ${status.written_by.flatbook ?? NONE}`],
    [
      'whole file',
      <>
        <button disabled={proof.state === 'running'} onClick={() => void prove()} data-test="prove">
          prove it again
        </button>{' '}
        <span class={proof.state === 'broken' ? 'red' : ''} data-test="proof">
          {proof.state === 'holds' ? '✓ ' : proof.state === 'broken' ? '■ ' : ''}
          {proof.text} {told}
        </span>
      </>,
    ],
  ];
  return (
    <Panel title="Chain" note={status.name}>
      <Pairs rows={rows} />
    </Panel>
  );
}

function Pairs({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <Table
      rows={rows}
      row={([key]) => ({ key })}
      columns={[
        { head: '', kind: 'text soft', cell: ([name]) => name },
        { head: '', kind: 'text wrap', cell: ([, what]) => what },
      ]}
    />
  );
}
