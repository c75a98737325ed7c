// A short table told by its columns. Long ones are `VirtualTable`.
import type { ComponentChildren } from 'preact';
import type { Maybe } from '../format';
import type { NumberProps } from './number';
import { Num } from './number';

export interface TableRowProps {
  class?: string;
  title?: string;
  'data-test'?: string;
  onClick?: () => void;
}

export interface Told<T> {
  head: ComponentChildren;
  unit?: string; // told below the head
  kind?: string; // class of head and cells, as "text"
  cell: (row: T) => ComponentChildren;
}

// A column of numbers.
export function num<T>(head: string, unit: string, value: (row: T) => Maybe, how: (row: T) => Omit<NumberProps, 'value'>, kind = ''): Told<T> {
  return { head, unit, kind, cell: (row) => <Num value={value(row)} {...how(row)} /> };
}

export function Table<T>({ columns, rows, row, class: kind = '' }: { columns: Told<T>[]; rows: T[]; row: (row: T, n: number) => TableRowProps & { key: string }; class?: string }) {
  return (
    <table class={kind}>
      {columns.some((each) => each.head) && (
        <thead>
          <tr>
            {columns.map((each, n) => (
              <th key={n} class={each.kind}>
                {each.head}
                {each.unit && <small>{each.unit}</small>}
              </th>
            ))}
          </tr>
        </thead>
      )}
      <tbody>
        {rows.map((one, at) => {
          const { key, ...rest } = row(one, at);
          return (
            <tr key={key} {...rest}>
              {columns.map((each, n) => (
                <td key={n} class={each.kind}>
                  {each.cell(one)}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
