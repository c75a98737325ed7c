import { pages } from '../pages';
import { useSession, logout } from '../session';
import { Sheet } from './sheet';

export function HelpSheet({ onClose }: { onClose: () => void }) {
  const { session } = useSession();
  return (
    <Sheet title="Keys and pages" onClose={onClose}>
      <div class="keys">
        {pages.map((each) => (
          <>
            <span>
              <kbd>g</kbd> <kbd>{each.key}</kbd>
            </span>
            <span>
              <b>{each.title}</b> <span class="soft">{each.question}</span>
            </span>
          </>
        ))}
        <kbd>/</kbd>
        <span>search a symbol, a class, an underlying</span>
        <span>
          <kbd>j</kbd> <kbd>k</kbd> <kbd>enter</kbd>
        </span>
        <span>next row, row before, drill down</span>
        <kbd>shift K</kbd>
        <span>stop trading</span>
        <kbd>t</kbd>
        <span>light or dark</span>
      </div>
      <p class="soft">
        Blue is long, bid, adds; orange is short, ask, reduces. ▲ amber and ■ red stand for limits and nothing else. A dash is a number that does not exist: hover over it for the reason. Struck out is stale.
        The address of every view restores it.
      </p>
      <p class="soft">
        You are {session?.name} ({session?.role}). {session && session.name !== 'local' && <button onClick={() => void logout()}>sign out</button>}
      </p>
    </Sheet>
  );
}
