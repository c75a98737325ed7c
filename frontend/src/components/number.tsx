// One number: short at a glance, every digit on hover, its age and reason where there is something to say.
import type { Maybe } from '../format';
import { NONE, age as aged, fixed, full, known, scaled, short } from '../format';

export interface NumberProps {
  value: Maybe;
  unit?: string; // in words, for who hovers: "USD per vol point"
  per?: number; // of the column, as 1000 for thousands; short form with k and M without it
  places?: number; // fixed decimals in place of three digits
  sign?: boolean; // plus is told too
  colour?: boolean; // long is blue, short is orange
  reason?: string; // why there is none, or what to know of it
  ageS?: Maybe;
  freshS?: number; // older than that is stale
  test?: string; // name under which a test finds it
}

export function Num({ value, unit = '', per, places, sign = false, colour = false, reason = '', ageS, freshS, test }: NumberProps) {
  const old = known(ageS) && freshS !== undefined && ageS > freshS;
  const there = known(value);
  const text = !there ? NONE : places !== undefined ? fixed(per ? value / per : value, places, sign) : per ? scaled(value, per, sign) : short(value, sign);
  const kind = !there || value === 0 ? 'none' : old ? 'stale' : colour ? (value > 0 ? 'long' : value < 0 ? 'short' : '') : '';
  const told = there ? full(value, unit) : reason || 'not available';
  const title = [told, there && reason, old && `${aged(ageS)} old: stale`].filter(Boolean).join('\n');
  return (
    <span class={`num ${kind}`} title={title} data-value={there ? String(value) : ''} data-test={test}>
      {text}
      {old && <span class="age">{aged(ageS)}</span>}
    </span>
  );
}
