// An action of an operator: what is asked, what it would change in money, why, and a button that acts once it was held.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Change, Done, Preview } from '../actions';
import { WHY_LEAST, act, asksPassword, preview } from '../actions';
import { known } from '../format';
import { may } from '../session';
import { Hold } from './hold';
import { PasswordAgain } from './password_again';
import { Sheet } from './sheet';
import type { Told } from './table';
import { num, Table } from './table';

const SETTLED_MS = 350;

export interface ActSheetProps {
  title: string;
  path: string; // of the action, below /actions
  body: Record<string, unknown> | null; // without `why`; null: something is missing yet
  permission: string;
  button: string;
  danger?: boolean;
  onClose: () => void;
  children?: ComponentChildren; // fields of the body
  refused?: string; // why it cannot be done at all
}

export function ActSheet({ title, path, body, permission, button, danger = false, onClose, children, refused = '' }: ActSheetProps) {
  const [why, setWhy] = useState('');
  const [told, setTold] = useState<{ of: string; preview: Preview } | null>(null);
  const [problem, setProblem] = useState('');
  const [done, setDone] = useState<Done | null>(null);
  const [again, setAgain] = useState(false);
  const asked = body && JSON.stringify(body);
  const reason = why.trim();
  const refuse = (e: Error) => (asksPassword(e) ? setAgain(true) : setProblem(e.message));

  useEffect(() => {
    if (!asked || refused || done || again || !may(permission)) return undefined;
    let gone = false;
    const timer = window.setTimeout(() => {
      preview(path, { ...(JSON.parse(asked) as object), why: 'preview' }).then(
        (found) => {
          if (gone) return;
          setTold({ of: asked, preview: found });
          setProblem('');
        },
        (e: Error) => !gone && refuse(e),
      );
    }, SETTLED_MS);
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, [asked, path, refused, done, again]);

  const ready = told !== null && told.of === asked && !problem;
  const perform = () =>
    void act(path, { ...body, why: reason }).then(setDone, refuse);
  return (
    <Sheet title={title} onClose={onClose}>
      <div class="act">
        {children}
        {refused ? (
          <p class="amber">▲ {refused}</p>
        ) : (
          <>
            {ready ? <PreviewTable preview={told.preview} /> : <p class="soft">{problem ? '' : body ? 'asking what it would change …' : 'what it would change is told once all is filled in'}</p>}
            {again && <PasswordAgain onDone={() => setAgain(false)} />}
            {problem && (
              <p class="red" role="alert">
                ■ {problem}
              </p>
            )}
            {!done && <input type="text" aria-label="why" placeholder="why: told to the journal, at least four letters" value={why} maxLength={500} onInput={(event) => setWhy(event.currentTarget.value)} data-test="why" />}
            {!may(permission) && <p class="amber">▲ Your role may not do this.</p>}
          </>
        )}
        {done && (
          <p role="status" data-test="done">
            {done.state === 'waiting' ? '◷ ' : '✓ '}
            {done.text}
            {done.sequence !== null && <span class="faint"> · #{done.sequence}</span>}
          </p>
        )}
        <div class="row">
          <button onClick={onClose}>{done ? 'close' : 'leave it'}</button>
          {!done && !refused && (
            <Hold danger={danger} disabled={!ready || again || reason.length < WHY_LEAST || !may(permission)} onDone={perform} test="act">
              {button}
            </Hold>
          )}
        </div>
      </div>
    </Sheet>
  );
}

const CHANGES: Told<Change>[] = [
  { head: 'it would change', kind: 'text', cell: (row) => row.name },
  num('now', '', (row) => row.before, (row) => ({ unit: row.unit })),
  num('then', '', (row) => row.after, (row) => ({ unit: row.unit }), 'strong'),
  { head: '', cell: (row) => known(row.before) && known(row.after) && (row.after > row.before ? '▲' : '▼') },
  { head: 'unit', kind: 'text faint', cell: (row) => row.unit },
];

function PreviewTable({ preview: { text, changes, warnings, second_person } }: { preview: Preview }) {
  return (
    <div data-test="preview">
      <p>{text}</p>
      {changes.length > 0 && (
        <Table class="changes" columns={CHANGES} rows={changes} row={(each) => ({ key: each.name })} />
      )}
      {changes.length === 0 && <p class="soft">No number of the desk changes by it now.</p>}
      {warnings.map((each) => (
        <p key={each} class="amber">
          ▲ {each}
        </p>
      ))}
      {second_person && <p class="amber">◷ It waits for a second person.</p>}
    </div>
  );
}
