// Records which source the bundle was built from: SHA-256 over every source file's path and bytes, in order of path.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = fileURLToPath(new URL('../../src/flatbook/dashboard/static', import.meta.url));
const FILES = ['index.html', 'package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts'];

function below(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) =>
    each.isDirectory() ? below(join(folder, each.name)) : [join(folder, each.name)],
  );
}

export function sourceHash() {
  const files = [...FILES.map((each) => join(root, each)), ...['src', 'public', 'scripts'].flatMap((each) => below(join(root, each)))];
  const names = files.map((each) => relative(root, each).split(sep).join('/')).sort();
  const hash = createHash('sha256');
  for (const name of names) {
    const bytes = readFileSync(join(root, name));
    hash.update(`${name}\0${bytes.length}\0`);
    hash.update(bytes);
  }
  return hash.digest('hex');
}

writeFileSync(join(out, 'source.sha256'), `${sourceHash()}\n`);
