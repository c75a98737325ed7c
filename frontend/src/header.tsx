// The one header: whose world, how we stand, what we earned, how full, how fresh, how fast, what time it is.
import { Num } from './components/number';
import { clock, fixed, instant, known } from './format';
import type { Head } from './model';
import type { Frame } from './stream';

const STANDING: Record<string, string> = { NORMAL: '', STARTING: 'amber', RECONCILING: 'amber', DEGRADED: 'amber', PULLED: 'red', STOPPED: 'red' };

export function Header({ head, onKill }: { head: Frame<Head> | undefined; onKill: () => void }) {
  const data = head?.data;
  return (
    <header class="top">
      <a class="brand" href="/desk">
        flatbook
      </a>
      {data && (
        <>
          <span class={`badge ${data.mode === 'LIVE' ? 'live' : data.mode === 'REPLAY' ? 'amber' : ''}`} data-test="mode" title={data.desk}>
            {data.mode}
            {data.speed !== 1 && ` ${data.speed}×`}
          </span>
          <span class={`badge ${STANDING[data.standing] ?? 'amber'}`} data-test="standing" title={data.standing_reason || 'quotes as it means to'}>
            {data.standing}
          </span>
        </>
      )}
      <span class="vitals">
        {data && <Vitals data={data} />}
        {head && (
          <span class="clock" title={`${instant(head.atNs)}\ncycle ${head.cycle}, publication ${head.number}, journal ${data?.journal_sequence}`} data-test="clock">
            <b>{clock(head.atNs, true)}</b>
          </span>
        )}
        <button class="kill" onClick={onKill} title="stop trading: arm here, then hold (shift K)" data-test="kill">
          KILL
        </button>
      </span>
    </header>
  );
}

function Vitals({ data }: { data: Head }) {
  const p99 = data.tick_to_decision_p99_us;
  const p50 = data.tick_to_decision_p50_us;
  return (
    <>
      <span class="vital">
        P&L
        <b>
          <Num value={data.pnl_usd} unit="USD since the open, at theoretical value, after fees" sign test="pnl" />
        </b>
      </span>
      <span class={`vital ${mood(data.capital_pct, 75, 100)}`} title={data.capital_of ? `of ${data.capital_of}` : 'no limit and no equity says what it is of'}>
        capital
        <b>{known(data.capital_pct) ? `${fixed(data.capital_pct, data.capital_pct < 9.95 ? 1 : 0)} %` : '–'}</b>
      </span>
      <span class={`vital wide ${known(data.data_usable_pct) && data.data_usable_pct < 80 ? 'amber' : ''}`} title="live options whose quote is used">
        data<b>{known(data.data_usable_pct) ? `${fixed(data.data_usable_pct, 0)} %` : '–'}</b>
      </span>
      <span class="vital wide" title={`Tick to decision: from the arrival of the oldest news of a cycle until its commands may leave.\np99: of the last decisions, 99 of 100 took at most ${took(p99)}; half of them ${took(p50)}.`}>
        p99<b>{took(p99)}</b>
      </span>
    </>
  );
}

function took(us: number | null): string {
  return !known(us) ? '–' : us < 1000 ? `${fixed(us, 0)} µs` : us < 1e6 ? `${fixed(us / 1000, us < 1e5 ? 1 : 0)} ms` : `${fixed(us / 1e6, 1)} s`;
}

function mood(value: number | null, amber: number, red: number): string {
  return !known(value) ? '' : value >= red ? 'red' : value >= amber ? 'amber' : '';
}
