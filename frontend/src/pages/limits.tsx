// Limits: what may we still do? Every limit by what it bounds, worst first, what each asks for, and what stands in its place.
import { useMemo, useState } from 'preact/hooks';
import { acknowledge, act, asksPassword } from '../actions';
import { ActSheet } from '../components/act_sheet';
import { PasswordAgain } from '../components/password_again';
import { Bullet } from '../components/bullet';
import type { Line } from '../components/chart';
import { Chart } from '../components/chart';
import { useFrozen } from '../components/frozen';
import { Empty, Panel } from '../components/panel';
import { useReplay, useReplayTopic } from '../components/replay';
import type { Told } from '../components/table';
import { Table } from '../components/table';
import { clock, fixed, full, instant, known, percent, short } from '../format';
import { useKeys } from '../keyboard';
import type { Head } from '../model';
import { setQuery, usePlace } from '../router';
import { may } from '../session';
import { useApi, useFrame } from '../store';
import type { Frame } from '../stream';
import { measureName, type LimitRow } from './desk';

interface LimitLine extends LimitRow {
  within: string;
  owner: string;
  limit_hard_set: number;
  limit_hard_shown: number;
  room: number | null;
  steps: [number, number, number, number];
  underlyings: string[];
  cool_down_until_ns: string;
}

interface LimitNode {
  name: string;
  kind: string;
  utilisation: number | null;
  step: string;
  limits: LimitLine[];
}

interface LimitsData {
  nodes: LimitNode[];
  responses: { option_class: string; side: string; step: string; action: string; limit: string; series: number; live: number }[];
  overrides: { limit: string; unit: string; limit_hard_set: number; limit_hard: number; owner: string; reason: string; until_ns: string; left_s: number }[];
  ladder: { step: string; action: string }[];
  fast: { underlying: string; reason: string }[];
  story: { sequence: number; at_ns: string; kind: string; text: string; severity: string }[];
  chosen: string;
}

interface Waiting {
  id: string;
  who: string;
  action: string;
  target: string;
  why: string;
  expires_in_s: number;
  yours: boolean;
}

type Doing = { what: 'override' | 'change' | 'end'; limit: LimitLine } | null;

export function LimitsPage() {
  const { query } = usePlace();
  const wanted = query.get('limit') ?? '';
  const topic = wanted ? `limits:${wanted}` : 'limits';
  const frame = useFrame<LimitsData>(topic);
  useReplayTopic(topic);
  const [doing, setDoing] = useState<Doing>(null);
  const nodes = useFrozen(frame?.data.nodes ?? [], (each) => each.name);
  const lines = nodes.rows.flatMap((each) => each.limits);
  const chosen = lines.find((each) => each.name === frame?.data.chosen);
  const move = (by: number) => {
    const at = lines.findIndex((each) => each.name === chosen?.name) + by;
    const next = lines[Math.max(0, Math.min(lines.length - 1, at))];
    if (next) setQuery({ limit: next.name });
  };
  useKeys({ j: () => move(1), k: () => move(-1), Enter: () => chosen && setDoing({ what: 'override', limit: chosen }) }, [lines.map((each) => each.name).join(), chosen?.name]);
  if (!frame) return wanted ? <Empty what={`Waiting for limit ${wanted} …`} why="Where there is no such limit, nothing will come: open Limits without it." /> : <Empty what="Waiting for the desk …" />;
  const { data } = frame;
  return (
    <div class="two limits-page">
      <div class="stack">
      <Panel title="Limits by what they bound" note="worst first · ┆ soft and critical · │ hard · thin mark: a minute ago">
        {data.fast.map((each) => (
          <p key={each.underlying} class="why amber">
            ▲ fast market {each.underlying || 'everywhere'}: {each.reason}; limits that tighten in one are tighter
          </p>
        ))}
        {lines.length === 0 && <Empty what="No limits are set" why="A desk without limits quotes as if nothing could go wrong: set some in [[limit]] of its file." />}
        <div onMouseEnter={nodes.onMouseEnter} onMouseLeave={nodes.onMouseLeave}>
          {nodes.rows.map((each) => (
            <NodeRows key={each.name} node={each} chosen={data.chosen} />
          ))}
        </div>
      </Panel>
      <Responses rows={data.responses} />
      </div>
      <div class="stack">
        {chosen ? <Chosen frame={frame} limit={chosen} ladder={data.ladder} doing={setDoing} /> : <Panel title="Limit">{<Empty what="No limit is chosen" />}</Panel>}
        <InForce overrides={data.overrides} onEnd={(name) => setDoing(endOf(lines, name))} />
        <Lately story={data.story} />
      </div>
      {doing && <Change doing={doing} onClose={() => setDoing(null)} />}
    </div>
  );
}

function endOf(lines: LimitLine[], name: string): Doing {
  const limit = lines.find((each) => each.name === name);
  return limit ? { what: 'end', limit } : null;
}

function NodeRows({ node, chosen }: { node: LimitNode; chosen: string }) {
  return (
    <>
      <div class="node">
        <b>{node.name}</b> <span class="faint">{node.kind === 'desk' ? 'all underlyings' : node.kind}</span>
        <span class={`share ${known(node.utilisation) ? '' : 'red'}`}>
          worst {percent(node.utilisation)}
          {node.step !== 'NORMAL' && <Step step={node.step} />}
        </span>
      </div>
      {node.limits.map((each) => (
        <LimitRow key={each.name} limit={each} here={each.name === chosen} />
      ))}
    </>
  );
}

// Contracts are whole; money has three digits.
function amount(limit: LimitLine, value: number | null, sign = false): string {
  return limit.unit === 'contracts' ? fixed(value, 0, sign) : short(value, sign);
}

function Step({ step }: { step: string }) {
  if (step === 'NORMAL') return <span class="chip" />;
  return (
    <span class={`chip ${step}`}>
      {step === 'HARD' ? '■ ' : step === 'ALERT' || step === 'ESCALATE' ? '▲ ' : ''}
      {step}
    </span>
  );
}

function LimitRow({ limit, here }: { limit: LimitLine; here: boolean }) {
  const blind = !known(limit.utilisation);
  return (
    <a
      class={`limit wide-limit ${here ? 'at' : ''}`}
      href={`/limits?limit=${encodeURIComponent(limit.name)}`}
      title={[limit.name, limit.where && `decided by ${limit.where}`, limit.reason, ...limit.tightened.map((each) => `tighter: ${each}`), `${limit.step}: ${limit.action}`].filter(Boolean).join('\n')}
      data-test={`limit:${limit.name}`}
      data-value={limit.utilisation ?? ''}
    >
      <span class="name">
        {measureName(limit.measure)} {limit.within && <b>{limit.within}</b>}
        {limit.overridden_until_ns && <span class="amber" title={`overridden until ${instant(limit.overridden_until_ns)}`}> ◷</span>}
        {limit.tightened.length > 0 && <span class="amber" title={limit.tightened.join('\n')}> ↓</span>}
      </span>
      <Bullet share={limit.utilisation} ago={limit.minute_ago} soft={limit.soft_share} critical={limit.critical_share} step={limit.step} />
      <span class={`share ${blind ? 'red' : ''}`}>{blind ? 'breach' : percent(limit.utilisation)}</span>
      <span class="num" title={full(limit.value, limit.unit)}>
        {amount(limit, limit.value, true)} <span class="faint">/ {amount(limit, limit.limit_hard)}</span>
      </span>
      <span class="unit faint optional">{limit.unit}</span>
      <Step step={limit.step} />
      <span class={`asks optional ${blind ? 'red' : limit.step === 'NORMAL' ? 'faint' : 'soft'}`}>{blind ? limit.reason : limit.step === 'NORMAL' ? '' : limit.action}</span>
    </a>
  );
}

function Chosen({ frame, limit, ladder, doing }: { frame: Frame<LimitsData>; limit: LimitLine; ladder: LimitsData['ladder']; doing: (what: Doing) => void }) {
  const head = useFrame<Head>('head');
  const { on: replaying } = useReplay();
  const alerts = (head?.data.alerts ?? []).filter((each) => each.scope === limit.name);
  const { columns } = frame;
  const x = columns.get('at_s') ?? new Float64Array();
  const lines = useMemo<Line[]>(() => {
    const used = Array.from(columns.get('used') ?? [], (each) => 100 * each);
    const level = (share: number, colour: string, dash?: number[]): Line => ({ values: used.map(() => 100 * share), label: percent(share), colour, width: 1, ...(dash ? { dash } : {}) });
    const [notify, alert, escalate, hard] = limit.steps;
    return [level(notify, '--faint', [2, 4]), level(alert, '--amber', [2, 4]), level(escalate, '--amber', [6, 3]), level(hard, '--red'), { values: used, label: 'used', colour: '--accent', width: 1.6 }];
  }, [columns, ...limit.steps]);
  const facts: [string, string, string][] = [
    ['now', amount(limit, limit.value, true), full(limit.value, limit.unit)],
    ['limit in force', amount(limit, limit.limit_hard) + (limit.limit_hard === limit.limit_hard_set ? '' : `, set ${amount(limit, limit.limit_hard_set)}`), full(limit.limit_hard, limit.unit)],
    ['room', amount(limit, limit.room), full(limit.room, limit.unit)],
    ['used, a minute ago', `${percent(limit.utilisation, 1)}, ${percent(limit.minute_ago, 1)}`, 'of the limit in force'],
    ...(limit.where ? [['decided by', limit.where, ''] as [string, string, string]] : []),
  ];
  const warnings = [
    limit.unvalued ? `${short(limit.unvalued)} of it is the worst case of series without a value` : '',
    ...limit.tightened.map((each) => `tighter than set: ${each}`),
    limit.cool_down_until_ns && `the step is held by its cool-down until ${clock(limit.cool_down_until_ns)}`,
  ].filter(Boolean);
  return (
    <Panel title={limit.name} note={`${limit.unit} · owner ${limit.owner}`}>
      <div class="chosen">
        <div class="pairs">
          {facts.map(([name, told, of]) => (
            <>
              <span class="soft">{name}</span>
              <b title={of}>{told}</b>
            </>
          ))}
        </div>
        {limit.reason && <p class="red">■ {limit.reason}</p>}
        {warnings.map((each) => (
          <p key={each} class="amber">
            ▲ {each}
          </p>
        ))}
        {alerts.map((each) => (
          <p key={each.id} class={each.severity}>
            {each.severity === 'red' ? '■' : '▲'} {each.text}{' '}
            {each.acknowledged_by ? (
              <span class="faint">seen by {each.acknowledged_by}</span>
            ) : (
              <button disabled={!may('acknowledge') || replaying} onClick={() => void acknowledge(each.id)}>
                seen
              </button>
            )}
          </p>
        ))}
        <div class="rungs">
          {ladder.map((each, n) => (
            <span key={each.step} class={each.step === limit.step ? 'rung on' : 'rung'} title={each.action}>
              {each.step} <small>{n === 0 ? '' : percent(limit.steps[n - 1] ?? null)}</small>
            </span>
          ))}
        </div>
        <p class="soft asks-now">{limit.action}</p>
        <div class="buttons">
          {(['override', 'change', 'end'] as const).map((what) =>
            what !== 'end' || limit.overridden_until_ns ? (
              <button key={what} disabled={replaying} onClick={() => doing({ what, limit })} data-test={what}>
                {TITLES[what]} …
              </button>
            ) : null,
          )}
        </div>
      </div>
      <div class="chart history-chart">
        <span class="title">
          used, % of the limit in force <b>{percent(limit.utilisation, 1)}</b>
        </span>
        <Chart x={x} lines={lines} format={(value) => `${value.toFixed(0)}`} />
      </div>
    </Panel>
  );
}

function InForce({ overrides, onEnd }: { overrides: LimitsData['overrides']; onEnd: (limit: string) => void }) {
  const { on: past } = useReplay();
  const { value, error, reload } = useApi<Waiting[]>(past ? null : '/actions/requests', 3000);
  const [told, setTold] = useState('');
  const [again, setAgain] = useState(false);
  const answer = (id: string, verb: 'approve' | 'deny', why: string) =>
    act(`/requests/${id}/${verb}`, { why }).then(
      (done) => {
        setTold(done.text);
        reload();
      },
      (e: Error) => (asksPassword(e) ? setAgain(true) : setTold(`■ ${e.message}`)),
    );
  return (
    <Panel title="In place of limits, and what waits" note={`${overrides.length} in force · ${value?.length ?? '–'} waiting`}>
      {overrides.length === 0 && !value?.length && <p class="why">{error ? `■ ${error}` : 'No limit is overridden, and nothing waits for a second person.'}</p>}
      <ul class="inforce">
        {overrides.map((each) => (
          <li key={each.limit} data-test={`override:${each.limit}`}>
            <span>
              <b>{each.limit}</b> {short(each.limit_hard_set)} → <b>{short(each.limit_hard)}</b> <span class="faint">{each.unit}</span>
              <small>
                {each.owner}: {each.reason} · until {clock(each.until_ns)}, {left(each.left_s)} left
              </small>
            </span>
            <button disabled={!may('limits') || past} onClick={() => onEnd(each.limit)}>
              end …
            </button>
          </li>
        ))}
        {value?.map((each) => <Request key={each.id} request={each} answer={answer} />)}
      </ul>
      {again && <PasswordAgain onDone={() => setAgain(false)} />}
      {told && <p class="why">{told}</p>}
    </Panel>
  );
}

function left(seconds: number): string {
  return seconds < 90 ? `${Math.max(0, seconds).toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
}

function Request({ request, answer }: { request: Waiting; answer: (id: string, verb: 'approve' | 'deny', why: string) => void }) {
  const [why, setWhy] = useState('');
  const short = why.trim().length < 4;
  return (
    <li class="waits" data-test={`request:${request.id}`}>
      <span>
        <b>
          ◷ {request.action}: {request.target}
        </b>
        <small>
          {request.who}: {request.why} · {left(request.expires_in_s)} left
        </small>
      </span>
      <input type="text" aria-label="why" placeholder="why" value={why} maxLength={500} onInput={(event) => setWhy(event.currentTarget.value)} />
      <button disabled={short || request.yours || !may('second')} title={request.yours ? 'nobody approves what they asked for' : ''} onClick={() => answer(request.id, 'approve', why.trim())}>
        approve
      </button>
      <button disabled={short || !may('second')} onClick={() => answer(request.id, 'deny', why.trim())}>
        {request.yours ? 'withdraw' : 'deny'}
      </button>
    </li>
  );
}

const RESPONSES: Told<LimitsData['responses'][number]>[] = [
  {
    head: 'class, side',
    kind: 'text',
    cell: (row) => (
      <>
        <a href={`/class/${encodeURIComponent(row.option_class)}`}>{row.option_class}</a> <span class={row.side === 'bid' ? 'long' : 'short'}>{row.side}</span>
      </>
    ),
  },
  { head: 'step', kind: 'text', cell: (row) => (row.step === 'NORMAL' ? <span class="faint">NORMAL</span> : <Step step={row.step} />) },
  { head: 'response', kind: 'text soft', cell: (row) => row.action },
  { head: 'by', kind: 'text soft optional', cell: (row) => row.limit },
  { head: 'series', cell: (row) => `${row.step === 'NORMAL' ? '' : row.series} / ${row.live}` },
];

function Responses({ rows }: { rows: LimitsData['responses'] }) {
  return (
    <Panel title="What the ladder asks of quotes" note="each side at the highest step that it would worsen">
      <Table columns={RESPONSES} rows={rows} row={(each) => ({ key: each.option_class + each.side })} />
    </Panel>
  );
}

function Lately({ story }: { story: LimitsData['story'] }) {
  return (
    <Panel title="Limits and operators, lately" note="newest first">
      {story.length === 0 && <p class="why">No limit changed its step, and nobody acted.</p>}
      <ul class="story">
        {story.map((each) => (
          <li key={`${each.sequence}:${each.text}`} class={each.severity}>
            <time>
              <a href={`/journal?at=${each.sequence}`}>{clock(each.at_ns)}</a>
            </time>
            <span class="kind">{each.kind}</span>
            <span class="text">{each.text}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const TITLES = { override: 'Override for a time', change: 'Change for good', end: 'End override' };
const AMOUNT = /^(\d+|\d{1,3}([, ]\d{3})+)(\.\d+)?(e\d+)?$/i; // a comma stands between thousands and nowhere else: 1,5 is no 15
const MINUTES = [5, 15, 30, 60, 120, 240, 480, 1440];

function Change({ doing, onClose }: { doing: NonNullable<Doing>; onClose: () => void }) {
  const { limit, what } = doing;
  const [hard, setHard] = useState('');
  const [minutes, setMinutes] = useState(30);
  const value = Number(hard.replace(/[,\s]/g, ''));
  const good = AMOUNT.test(hard.trim()) && Number.isFinite(value) && value > 0;
  const body = what === 'end' ? { limit: limit.name } : good ? { limit: limit.name, limit_hard: value, shown: limit.limit_hard_shown, ...(what === 'override' ? { minutes } : {}) } : null;
  const looser = good && value > limit.limit_hard_shown;
  return (
    <ActSheet
      title={`${TITLES[what]}: ${limit.name}`}
      path={what === 'end' ? '/limit/override/end' : `/limit/${what}`}
      body={body}
      permission="limits"
      button={what === 'end' ? 'hold to end it' : looser ? 'hold to loosen the limit' : 'hold to set the limit'}
      danger={looser || what === 'end'}
      onClose={onClose}
    >
      <div class="pairs">
        <span class="soft">now</span>
        <b>
          {short(limit.value, true)} of {full(limit.limit_hard_shown, limit.unit)} <span class="faint">({percent(limit.utilisation, 1)})</span>
        </b>
        {what !== 'end' && (
          <>
            <label class="soft" for="hard">
              new hard limit
            </label>
            <span>
              <input id="hard" type="text" inputMode="decimal" value={hard} placeholder={String(limit.limit_hard_shown)} onInput={(event) => setHard(event.currentTarget.value)} data-test="hard" /> {limit.unit}
              {hard.trim() !== '' && !good && <span class="red"> ■ a number above 0</span>}
              {good && known(limit.utilisation) && <span class="soft"> {percent((limit.utilisation * limit.limit_hard_shown) / value, 1)} would be used</span>}
            </span>
          </>
        )}
        {what === 'override' && (
          <>
            <label class="soft" for="minutes">
              for
            </label>
            <select id="minutes" value={minutes} onChange={(event) => setMinutes(Number(event.currentTarget.value))} data-test="minutes">
              {MINUTES.map((each) => (
                <option key={each} value={each}>
                  {each < 60 ? `${each} min` : `${each / 60} h`}
                </option>
              ))}
            </select>
          </>
        )}
      </div>
      {what === 'change' && <p class="soft">It replaces the limit until somebody changes it again, and ends every override.</p>}
    </ActSheet>
  );
}
