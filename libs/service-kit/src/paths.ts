import { join } from 'node:path';

export interface Paths {
  home: string;
  var: string;
  /** Unix sockets: `rpc.sock`, `admin.sock`. */
  sockets: string;
  /** `<plays>/<sid>/work` is a play's workdir. */
  plays: string;
  cache: string;
  logs: string;
}

/** The paths below HERO_HOME. */
export function paths(home: string): Paths {
  const below = join(home, 'var');
  return {
    home,
    var: below,
    sockets: join(below, 'sockets', 'hero_logic'),
    plays: join(below, 'plays'),
    cache: join(home, 'cache'),
    logs: join(below, 'logs'),
  };
}
