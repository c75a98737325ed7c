import { useState } from 'preact/hooks';
import { login } from '../session';

export function Login({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [told, setTold] = useState('');
  const send = (event: Event) => {
    event.preventDefault();
    login(name, password).then(onDone, (e: Error) => setTold(e.message));
    setPassword('');
  };
  return (
    <div class="veil">
      <form class="sheet stack" onSubmit={send}>
        <h2>flatbook</h2>
        <label>
          name
          <input type="text" autocomplete="username" value={name} onInput={(event) => setName(event.currentTarget.value)} autofocus />
        </label>
        <label>
          password
          <input type="password" autocomplete="current-password" value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
        </label>
        <button type="submit">sign in</button>
        {told && (
          <span class="red" role="alert">
            ■ {told}
          </span>
        )}
      </form>
    </div>
  );
}
