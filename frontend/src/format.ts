// Numbers as a trader reads them: a sign where it matters, three significant digits at a glance, a dash where there is none.

export type Maybe = number | null | undefined;

export const NONE = '–';
const MINUS = '−';
const UNITS: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
];

export function known(value: Maybe): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

// Proper minus; nothing that rounds to 0 keeps a sign.
function tidy(text: string, sign: boolean): string {
  const zero = /^-?0(\.0+)?$/.test(text);
  const bare = text.replace('-', '');
  if (zero) return bare;
  if (text.startsWith('-')) return MINUS + bare;
  return sign ? `+${bare}` : bare;
}

// Three significant digits with k, M, B: 12,345 is 12.3k.
export function short(value: Maybe, sign = false): string {
  if (!known(value)) return NONE;
  if (value === 0) return '0';
  const size = Math.abs(value);
  for (const [unit, name] of UNITS) {
    if (size >= unit * 0.9995) return tidy(digits(value / unit), sign) + name;
  }
  return tidy(digits(value), sign);
}

// Three significant digits of what stands in one unit of a column, as thousands; never more than two decimals.
export function scaled(value: Maybe, unit: number, sign = true): string {
  if (!known(value)) return NONE;
  if (value === 0) return '0';
  const told = value / unit;
  const size = Math.abs(told);
  const places = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return tidy(grouped(told, places), sign);
}

export function fixed(value: Maybe, places: number, sign = false): string {
  if (!known(value)) return NONE;
  return tidy(grouped(value, places), sign);
}

export function percent(share: Maybe, places = 0): string {
  if (!known(share)) return NONE;
  return `${tidy((100 * share).toFixed(places), false)} %`;
}

// Every digit there is, for who hovers.
export function full(value: Maybe, unit = ''): string {
  if (!known(value)) return NONE;
  const told = value.toLocaleString('en-US', { maximumFractionDigits: 10 });
  return unit ? `${told.replace('-', MINUS)} ${unit}` : told.replace('-', MINUS);
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}

function grouped(value: number, places: number): string {
  const told = value.toFixed(places);
  const [whole, rest] = told.split('.') as [string, string | undefined];
  const spaced = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return rest === undefined ? spaced : `${spaced}.${rest}`;
}

// Decimals that a price needs so that no tick is lost.
export function placesOf(ticksPerUnit: number): number {
  for (let places = 0; places < 8; places++) {
    const one = 10 ** places / ticksPerUnit;
    if (Math.abs(one - Math.round(one)) < 1e-9) return places;
  }
  return 8;
}

export function msOf(ns: bigint | string): number {
  return Number((typeof ns === 'string' ? BigInt(ns) : ns) / 1_000_000n);
}

let zone: 'local' | 'utc' = 'utc';

export function setZone(wanted: 'local' | 'utc'): void {
  zone = wanted;
}

export function clock(ns: bigint | string, millis = false): string {
  const date = new Date(msOf(ns));
  const of = (n: number, width = 2) => String(n).padStart(width, '0');
  const [h, m, s, ms] =
    zone === 'utc'
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCMilliseconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds(), date.getMilliseconds()];
  return `${of(h)}:${of(m)}:${of(s)}${millis ? `.${of(ms, 3)}` : ''}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function day(ns: bigint | string): string {
  const date = new Date(msOf(ns));
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${String(date.getUTCFullYear()).slice(2)}`;
}

// 14:03:27 as 2026-01-08 14:03:27.112 UTC, for who hovers.
export function instant(ns: bigint | string): string {
  return new Date(msOf(ns)).toISOString().replace('T', ' ').replace('Z', ' UTC');
}

export function age(seconds: Maybe): string {
  if (!known(seconds)) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`;
  return `${(seconds / 3600).toFixed(0)} h`;
}
