import { existsSync, readFileSync } from 'node:fs';

/** Whether what npm has installed is what the lock file asks for; optional packages are for other systems. */
export function isInstalled() {
  const installed = readJson('node_modules/.package-lock.json')?.packages;
  if (!installed) return false;
  const wanted = Object.entries(readJson('package-lock.json').packages);
  return wanted.every(([path, { version, optional, devOptional, link, resolved }]) => {
    if (!path.startsWith('node_modules/') || optional || devOptional) return true;
    return link ? installed[path]?.resolved === resolved : installed[path]?.version === version;
  });
}

export function readJson(path) {
  const text = readText(path);
  return text === '' ? undefined : JSON.parse(text);
}

export function readText(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
