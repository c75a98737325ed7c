// A long table of which only what is in sight is drawn. Rows are numbers; cells read the columns that the stream brought.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export const ROW = 24;

export interface TableColumn {
  key: string;
  head: ComponentChildren;
  width: string; // of the grid, as "64px" or "minmax(80px, 1fr)"
  cell: (row: number) => ComponentChildren;
  kind?: (row: number) => string; // class of the cell
  title?: (row: number) => string;
}

export interface TableProps {
  columns: TableColumn[];
  rows: number;
  at?: number; // the row of the keyboard
  onAt?: (row: number) => void;
  onEnter?: (row: number) => void;
  onCell?: (row: number, key: string) => void;
  onEnd?: () => void; // the last rows came in sight
  rowKind?: (row: number) => string;
  over?: ComponentChildren; // a first line of the head
  overscan?: number;
  center?: number; // row to bring to the middle at first, and whenever `centerKey` changes
  centerKey?: string;
}

export function VirtualTable(props: TableProps) {
  const { columns, rows, at = -1, onAt, onEnter, onCell, rowKind, over, overscan = 6 } = props;
  const host = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  const template = columns.map((each) => each.width).join(' ');

  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const look = () => setSeen({ top: element.scrollTop, height: element.clientHeight });
    look();
    const watch = new ResizeObserver(look);
    watch.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      watch.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);

  useEffect(() => {
    const element = host.current;
    if (element && props.center !== undefined) element.scrollTop = Math.max(0, Math.round(props.center + 1.5 - element.clientHeight / 2 / ROW) * ROW);
  }, [props.centerKey]);

  useEffect(() => {
    const element = host.current;
    const top = head.current?.offsetHeight ?? 0;
    if (!element || at < 0) return;
    if (at * ROW < element.scrollTop) element.scrollTop = at * ROW;
    else if (at * ROW + ROW + top > element.scrollTop + element.clientHeight) element.scrollTop = at * ROW + ROW + top - element.clientHeight;
  }, [at]);

  const end = rows > 0 && (seen.top + seen.height) / ROW > rows - 10;
  useEffect(() => {
    if (end) props.onEnd?.();
  }, [end, rows]);

  const first = Math.max(0, Math.floor(seen.top / ROW) - overscan);
  const last = Math.min(rows, Math.ceil((seen.top + seen.height) / ROW) + overscan);
  const shown: number[] = [];
  for (let row = first; row < last; row++) shown.push(row);

  const keys = (event: KeyboardEvent) => {
    const to = event.key === 'ArrowDown' ? at + 1 : event.key === 'ArrowUp' ? at - 1 : event.key === 'Home' ? 0 : event.key === 'End' ? rows - 1 : null;
    if (to !== null) {
      event.preventDefault();
      onAt?.(Math.max(0, Math.min(rows - 1, to)));
    } else if (event.key === 'Enter' && at >= 0) onEnter?.(at);
  };

  return (
    <div class="vtable" ref={host} tabIndex={0} role="grid" aria-rowcount={rows} onKeyDown={keys}>
      <div class="vhead" ref={head} role="row" style={{ gridTemplateColumns: template }}>
        {over}
        {columns.map((each) => (
          <span key={each.key} role="columnheader">
            {each.head}
          </span>
        ))}
      </div>
      <div style={{ height: `${rows * ROW}px`, position: 'relative' }}>
        {shown.map((row) => (
          <div
            key={row}
            class={`vrow ${row === at ? 'at' : ''} ${rowKind?.(row) ?? ''}`}
            role="row"
            aria-rowindex={row + 1}
            style={{ top: `${row * ROW}px`, gridTemplateColumns: template }}
            onClick={() => onAt?.(row)}
          >
            {columns.map((each) => (
              <span key={each.key} role="gridcell" class={each.kind?.(row) ?? ''} title={each.title?.(row) ?? ''} onClick={onCell && (() => onCell(row, each.key))}>
                {each.cell(row)}
              </span>
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
