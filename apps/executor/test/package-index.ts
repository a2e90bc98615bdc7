/** A package index on this machine, for tests: wheels that are made on the spot, offered over HTTP as an index does. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PackageIndex extends AsyncDisposable {
  readonly url: string;
  /** Paths of the files that were asked for. */
  readonly fetched: string[];
  /** Offers a release, instead of one with the same name and version. */
  offer(release: Release): void;
  /** Withdraws all releases of a package. */
  withdraw(name: string): void;
  /** Files are not sent until this is released. */
  hold(): Disposable;
}

export interface Release {
  name: string;
  version: string;
  /** By path; default: one module of the package's name that says its version. */
  files?: Record<string, string>;
  requires?: string[];
  /** A source distribution in place of a wheel. */
  source?: boolean;
}

interface Offered {
  file: string;
  content: Buffer;
}

export async function openPackageIndex(): Promise<PackageIndex> {
  const releases = new Map<string, Map<string, Offered>>();
  const fetched: string[] = [];
  let released: Promise<void> = Promise.resolve();
  const server = createServer(async (request, response) => {
    const [, kind, name = ''] = (request.url ?? '').split('/');
    const offered = [...(releases.get(kind === 'simple' ? name : (name.split('-')[0] ?? ''))?.values() ?? [])];
    if (kind === 'simple' && offered.length > 0) {
      response.setHeader('content-type', 'text/html');
      return response.end(offered.map(link).join('\n'));
    }
    const found = offered.find(({ file }) => file === name);
    if (!found) return response.writeHead(404).end();
    fetched.push(found.file);
    await released;
    return response.end(found.content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`,
    fetched,
    offer(release) {
      const { name, version, source } = release;
      const file = source ? `${name}-${version}.tar.gz` : `${name}-${version}-py3-none-any.whl`;
      const content = source ? Buffer.from('no wheel') : wheel(release);
      const versions = releases.get(name) ?? new Map<string, Offered>();
      releases.set(name, versions.set(version, { file, content }));
    },
    withdraw: (name) => void releases.delete(name),
    hold() {
      let release = (): void => undefined;
      released = new Promise((resolve) => {
        release = resolve;
      });
      return { [Symbol.dispose]: () => release() };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function link({ file, content }: Offered): string {
  const hash = createHash('sha256').update(content).digest('hex');
  return `<a href="/files/${file}#sha256=${hash}">${file}</a><br>`;
}

const MAKE_WHEEL = `
import io, json, sys, zipfile
files = json.load(sys.stdin)
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as archive:
    for path, text in files.items():
        archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
sys.stdout.buffer.write(out.getvalue())
`;

function wheel({ name, version, files, requires = [] }: Release): Buffer {
  const info = `${name}-${version}.dist-info`;
  const metadata = ['Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`];
  const content: Record<string, string> = {
    ...(files ?? { [`${name}.py`]: `version = "${version}"\n` }),
    [`${info}/METADATA`]: [...metadata, ...requires.map((word) => `Requires-Dist: ${word}`), ''].join('\n'),
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  };
  const record = [...Object.keys(content), `${info}/RECORD`].map((path) => `${path},,\n`).join('');
  const input = JSON.stringify({ ...content, [`${info}/RECORD`]: record });
  return execFileSync('python3', ['-c', MAKE_WHEEL], { input });
}
