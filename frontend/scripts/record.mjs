// After a build: records which source the bundle was built from and what was built (SHA-256 over path and bytes of every file, in order of
// path), and leaves scripts and styles compressed, as they are committed and sent.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = fileURLToPath(new URL('../../src/flatbook/dashboard/static', import.meta.url));
const FILES = ['index.html', 'package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts'];

function below(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) =>
    each.isDirectory() ? below(join(folder, each.name)) : [join(folder, each.name)],
  );
}

function hashOf(base, files) {
  const names = files.map((each) => relative(base, each).split(sep).join('/')).sort();
  const hash = createHash('sha256');
  for (const name of names) {
    const bytes = readFileSync(join(base, name));
    hash.update(`${name}\0${bytes.length}\0`);
    hash.update(bytes);
  }
  return hash.digest('hex');
}

const source = [...FILES.map((each) => join(root, each)), ...['src', 'public', 'scripts'].flatMap((each) => below(join(root, each)))];
const built = below(out);
writeFileSync(join(out, 'built.sha256'), `${hashOf(out, built)}\n`);
writeFileSync(join(out, 'source.sha256'), `${hashOf(root, source)}\n`);
for (const each of built.filter((name) => /\.(js|css)$/.test(name))) {
  writeFileSync(`${each}.gz`, gzipSync(readFileSync(each), { level: 9 }));
  unlinkSync(each);
}
