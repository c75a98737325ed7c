// Rows keep their places while the pointer is among them.
import { useState } from 'preact/hooks';

export function useFrozen<T>(rows: T[], name: (row: T) => string): { rows: T[]; onMouseEnter: () => void; onMouseLeave: () => void } {
  const [kept, setKept] = useState<string[] | null>(null);
  const place = (row: T) => {
    const at = kept?.indexOf(name(row)) ?? -1;
    return at < 0 ? rows.length : at;
  };
  return {
    rows: kept ? [...rows].sort((a, b) => place(a) - place(b)) : rows,
    onMouseEnter: () => setKept(rows.map(name)),
    onMouseLeave: () => setKept(null),
  };
}
