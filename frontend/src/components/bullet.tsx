// A value against its limit: bar, soft and critical marks, the limit itself, and where it was a minute ago.
import type { Maybe } from '../format';
import { known, percent } from '../format';

const TOP = 1.2; // of the limit, at the right edge

export function Bullet({ share, ago, soft = 0.5, critical = 0.9, step = 'NORMAL', missing = '' }: { share: Maybe; ago?: Maybe; soft?: number; critical?: number; step?: string; missing?: string }) {
  const x = (of: number) => (100 * Math.max(0, Math.min(of, TOP))) / TOP;
  const told = known(share)
    ? `${percent(share, 1)} of the limit${known(ago) ? `, a minute ago ${percent(ago, 1)}` : ''}`
    : missing || 'not computed, which counts as a breach';
  return (
    <svg class="bullet" viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label={told}>
      <title>{told}</title>
      <rect class={known(share) || missing ? 'rail' : 'unknown'} x="0" y="3" width={x(1)} height="8" />
      {known(share) && <rect class={`fill ${step}`} x="0" y="3" width={x(share)} height="8" />}
      {[soft, critical].map((each) => (
        <line key={each} class="mark" x1={x(each)} x2={x(each)} y1="3" y2="11" vector-effect="non-scaling-stroke" />
      ))}
      <line class="hard" x1={x(1)} x2={x(1)} y1="1" y2="13" vector-effect="non-scaling-stroke" />
      {known(ago) && <line class="ago" x1={x(ago)} x2={x(ago)} y1="0" y2="14" vector-effect="non-scaling-stroke" />}
    </svg>
  );
}
