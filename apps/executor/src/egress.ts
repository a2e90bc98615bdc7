/** HERO_EGRESS: what plays may reach. `none`, `host`, or a list of `public` and `host:port` entries that a proxy lets through. */
import { isIP } from 'node:net';

export type Egress =
  | { mode: 'none' | 'host' }
  /** `entries`: `host:port`, an IPv6 address in brackets; names in lower case. */
  | { mode: 'proxy'; public: boolean; entries: readonly string[] };

/** Each entry has a listener in every slot. */
const MOST_ENTRIES = 50;
const ENTRY = /^(\[[0-9a-f:.]+\]|[^\s:[\]/@*]+):(\d{1,5})$/;
const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** The system's resolver would read such a name as an address. */
const NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)$/;
/** Where the proxy itself listens in the network of a slot (`hero_tracing/_jail/network.py`). */
const OWN_ADDRESS = '127.0.0.2';

/** The egress, or what is wrong with the words. */
export function parseEgress(words: readonly string[]): Egress | string {
  const [first] = words;
  if (first === undefined) return 'it is empty; write none if plays are to reach nothing';
  if (words.length === 1 && (first === 'none' || first === 'host')) return { mode: first };
  const entries: string[] = [];
  for (const word of words) {
    if (word === 'none' || word === 'host') return `${word} stands alone, not beside other entries`;
    if (word === 'public') continue;
    const entry = word.toLowerCase().replace(/\.(?=:\d+$)/, '');
    const fault = entryFault(entry);
    if (fault !== undefined) return `"${word}" ${fault}`;
    if (!entries.includes(entry)) entries.push(entry);
  }
  if (entries.length > MOST_ENTRIES) return `it names ${entries.length} entries; at most ${MOST_ENTRIES} are possible`;
  return { mode: 'proxy', public: words.includes('public'), entries };
}

/** Whoever names a language model lets plays reach it, unless they may reach nothing. */
export function withBroker(egress: Egress, url: string | undefined): Egress {
  if (egress.mode !== 'proxy' || url === undefined) return egress;
  const { hostname, port, protocol } = new URL(url);
  const entry = `${hostname.replace(/\.$/, '')}:${port || (protocol === 'http:' ? 80 : 443)}`;
  const fault = entryFault(entry);
  if (fault !== undefined) throw new Error(`AIBROKER_URL: "${entry}" ${fault}; plays could not reach it`);
  return egress.entries.includes(entry) ? egress : { ...egress, entries: [...egress.entries, entry] };
}

function entryFault(entry: string): string | undefined {
  const [, host = '', port = ''] = ENTRY.exec(entry) ?? [];
  if (host === '') return 'is not known; write public, none, host, or host:port (an IPv6 address in brackets)';
  if (Number(port) < 1 || Number(port) > 65_535) return 'has no valid port';
  if (host === OWN_ADDRESS) return `is where plays find the proxy; use another address`;
  if (host.startsWith('[')) return isIP(host.slice(1, -1)) === 6 ? undefined : 'has no valid IPv6 address';
  if (isIP(host) === 4) return undefined;
  if (NUMBER.test(host) || !NAME.test(host)) return 'has no valid host: a DNS name, or an address in its usual form';
  return undefined;
}
