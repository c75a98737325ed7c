// Stop trading: opening this arms it, holding a button does it. Release needs a reason and another permission.
import { useState } from 'preact/hooks';
import type { Done } from '../actions';
import { WHY_LEAST, asksPassword, kill, release } from '../actions';
import type { Head } from '../model';
import { may } from '../session';
import { Hold } from './hold';
import { PasswordAgain } from './password_again';
import { Sheet } from './sheet';

export function KillSheet({ head, past, onClose }: { head: Head | null; past: boolean; onClose: () => void }) {
  const [why, setWhy] = useState('');
  const [told, setTold] = useState('');
  const [again, setAgain] = useState(false);
  const killed = new Set(head?.kills.map((each) => `${each.scope}:${each.name}`));
  const scopes: [string, string, string][] = [
    ['desk', '', 'the whole desk'],
    ...(head?.scopes.venues ?? []).map((each): [string, string, string] => ['venue', each, `venue ${each}`]),
    ...(head?.scopes.underlyings ?? []).map((each): [string, string, string] => ['underlying', each, `underlying ${each}`]),
    ...(head?.scopes.classes ?? []).map((each): [string, string, string] => ['class', each, `class ${each}`]),
  ];
  const say = (what: Promise<Done>, done: string) =>
    what.then(
      (answer) => setTold(answer.state === 'waiting' ? `${done}: waits for a second person` : answer.text || done),
      (e: Error) => (asksPassword(e) ? setAgain(true) : setTold(`■ ${e.message}`)),
    );
  return (
    <Sheet title="Stop trading" onClose={onClose}>
      <p class="soft">Armed. Hold a button for one second: quotes and orders of the scope are cancelled, and nothing leaves until somebody releases it.</p>
      {past && <p class="amber">▲ The pages show the past; this stops the desk of now, as it stands now.</p>}
      <input type="text" aria-label="why" placeholder="why (told to the journal; empty: “operator”)" value={why} onInput={(event) => setWhy(event.currentTarget.value)} maxLength={200} />
      <div class="rows">
        {scopes.map(([scope, name, label]) => (
          <div class="row" key={`${scope}:${name}`}>
            <span>{label}</span>
            {killed.has(`${scope}:${name}`) ? (
              <span>
                <span class="chip red">KILLED</span>{' '}
                <Hold disabled={!may('release') || why.trim().length < WHY_LEAST} onDone={() => void say(release(scope, name, why.trim()), `released ${label}`)} test={`release:${scope}:${name}`}>
                  hold to release
                </Hold>
              </span>
            ) : (
              <Hold danger disabled={!may('kill')} onDone={() => void say(kill(scope, name, why.trim() || 'operator'), `stopped ${label}`)} test={`kill:${scope}:${name}`}>
                hold to stop {label}
              </Hold>
            )}
          </div>
        ))}
      </div>
      {!may('kill') && <p class="amber">▲ Your role may not stop trading.</p>}
      {again && <PasswordAgain onDone={() => setAgain(false)} />}
      {told && (
        <p role="status" data-test="kill-told">
          {told}
        </p>
      )}
    </Sheet>
  );
}
