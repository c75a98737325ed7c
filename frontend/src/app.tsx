// The shell of every page: header, navigation, banner, and what lies above the page.
import { useEffect, useState } from 'preact/hooks';
import { HelpSheet } from './components/help';
import { KillSheet } from './components/kill';
import { Login } from './components/login';
import { Empty } from './components/panel';
import { ReplayBanner, useReplay } from './components/replay';
import { SearchSheet } from './components/search';
import { Header } from './header';
import { listenKeys, useKeys } from './keyboard';
import type { Head } from './model';
import { pages } from './pages';
import { go, usePlace } from './router';
import { useSession, who } from './session';
import { start, useFrame, useLink, useNow, useSilence } from './store';
import { toggleTheme } from './theme';

type Above = 'kill' | 'help' | 'search' | null;

export function App() {
  const place = usePlace();
  const { session, asked } = useSession();
  const [above, setAbove] = useState<Above>(null);
  const [problem, setProblem] = useState('');

  useEffect(() => {
    who().then(
      (told) => told && start(),
      (e: Error) => setProblem(e.message),
    );
    return listenKeys((letter) => {
      const page = pages.find((each) => each.key === letter);
      if (page) go(`/${page.path}`);
    });
  }, []);

  useKeys(
    {
      '?': () => setAbove('help'),
      '/': () => setAbove('search'),
      K: () => setAbove('kill'),
      t: toggleTheme,
    },
    [],
  );

  if (!asked) return <Empty what={problem ? 'The desk does not answer' : 'Asking the desk …'} why={problem} />;
  if (!session) return <Login onDone={start} />;
  return <Shell page={place.page} above={above} setAbove={setAbove} />;
}

function Shell({ page: path, above, setAbove }: { page: string; above: Above; setAbove: (above: Above) => void }) {
  const head = useFrame<Head>('head');
  const link = useLink();
  const silent = useSilence();
  const replay = useReplay();
  const page = pages.find((each) => each.path === path);
  const Page = page?.page;
  const now = useNow<Head>(above === 'kill');
  const lost = link.state === 'lost' && !replay.on;
  const stale = silent > 0 && !replay.on;
  useEffect(() => {
    document.title = `${head?.data.standing && head.data.standing !== 'NORMAL' ? `${head.data.standing} · ` : ''}${page?.title ?? 'flatbook'} · flatbook`;
  }, [page, head?.data.standing]);
  return (
    <div class={`shell ${replay.on ? 'replaying' : ''} ${lost || stale ? 'dim' : ''}`}>
      <Header head={head} onKill={() => setAbove('kill')} />
      <Navigation here={path} onHelp={() => setAbove('help')} onSearch={() => setAbove('search')} />
      <div>
        {lost && (
          <div class="banner red" role="alert">
            ■ Connection lost: {link.why}. What you see is of {head ? 'the past' : 'nothing'}; connecting again …
          </div>
        )}
        {stale && (
          <div class="banner red" role="alert" data-test="silent">
            ■ The desk has not shown itself for {silent} s. What you see is of the past; KILL may not be heard.
          </div>
        )}
        <ReplayBanner />
        {head && <StandingBanner head={head.data} />}
      </div>
      <main>{Page ? <Page /> : <Empty what="No such page" why={`There is nothing at /${path}. Press ? for all pages.`} />}</main>
      {above === 'kill' && <KillSheet head={(replay.on && !replay.only ? now : head)?.data ?? null} past={replay.on} onClose={() => setAbove(null)} />}
      {above === 'help' && <HelpSheet onClose={() => setAbove(null)} />}
      {above === 'search' && <SearchSheet head={head?.data ?? null} onClose={() => setAbove(null)} />}
    </div>
  );
}

function StandingBanner({ head }: { head: Head }) {
  if (head.kills.length > 0) {
    const what = head.kills.map((each) => `${each.scope} ${each.name} ${each.text} by ${each.owner}: ${each.reason}`.replace('  ', ' '));
    return (
      <div class="banner red" role="alert">
        ■ {what.join(' · ')}
      </div>
    );
  }
  if (head.standing === 'NORMAL') return null;
  const red = head.standing === 'PULLED' || head.standing === 'STOPPED';
  return (
    <div class={`banner ${red ? 'red' : 'amber'}`} role="alert">
      {red ? '■' : '▲'} {head.standing}
      {head.standing_reason && `: ${head.standing_reason}`}
    </div>
  );
}

function Navigation({ here, onHelp, onSearch }: { here: string; onHelp: () => void; onSearch: () => void }) {
  return (
    <nav class="nav">
      {pages.map((each) => (
        <a key={each.path} href={`/${each.path}`} class={each.path === here ? 'here' : ''} title={`${each.question} (g ${each.key})`} aria-current={each.path === here ? 'page' : undefined}>
          {each.title}
        </a>
      ))}
      <span class="right">
        <button class="plain" onClick={onSearch} title="search a symbol (/)">
          / search
        </button>
        <button class="plain" onClick={toggleTheme} title="light or dark (t)">
          ◐
        </button>
        <button class="plain" onClick={onHelp} title="help (?)">
          ?
        </button>
      </span>
    </nav>
  );
}
