// The password once more, where a person must be at the keyboard: limits, releases, the second pair of eyes.
import { useState } from 'preact/hooks';
import { stepUp, useSession } from '../session';

export function PasswordAgain({ onDone }: { onDone: () => void }) {
  const { session } = useSession();
  const [password, setPassword] = useState('');
  const [told, setTold] = useState('');
  const send = (event: Event) => {
    event.preventDefault();
    stepUp(password).then(onDone, (e: Error) => setTold(e.message));
    setPassword('');
  };
  return (
    <form class="row" onSubmit={send} data-test="password-again">
      <input type="text" autocomplete="username" value={session?.name} readOnly hidden />
      <label>
        your password again, as it was given a while ago <input type="password" autocomplete="current-password" value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
      </label>
      <button type="submit" disabled={!password}>
        go on
      </button>
      {told && (
        <span class="red" role="alert">
          ■ {told}
        </span>
      )}
    </form>
  );
}
