// What a page asks for: of now, again and again, or of the moment that is replayed, once.
import { useApi } from '../store';
import { useReplay } from './replay';

export function useAskedOf<T>(path: string | null, everyMs = 0): ReturnType<typeof useApi<T>> {
  const replay = useReplay();
  const there = path && replay.on ? `/moments/${replay.sequence}${path}` : path;
  return useApi<T>(there, replay.on ? 0 : everyMs);
}
