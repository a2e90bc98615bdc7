/**
 * SQL of the locks of versions.
 *
 * 1. A recorded lock never changes: whoever records second gets the first one.
 * 2. A version without a lock takes that of a version with the same set of requirements, if it was resolved not long ago and could be
 *    installed. So they share an environment, and a change of the code alone changes no package.
 */
import type { LockedPackage, PackageLock } from '@hero/contracts';
import { Database, named } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { ACTIVE } from '../sql/words.js';

const SHARED_FOR = `interval '7 days'`;

interface OfVersion {
  version_sid: string;
  target: string;
}

interface Known {
  lock?: PackageLock;
  /** An error of an installation stands on the version. */
  failed: boolean;
}

@Injectable()
export class PackageStore {
  constructor(private readonly database: Database) {}

  /** The version's own lock, or one that it shares from now on (rule 2). */
  async lock(of: OfVersion): Promise<Known> {
    const own = await this.known(of);
    if (own.lock) return own;
    await SHARE(this.database, of);
    return await this.known(of);
  }

  /** The lock that counts; undefined where there is no such version. */
  async record(of: OfVersion, id: string, packages: LockedPackage[]): Promise<PackageLock | undefined> {
    const resolved = packages.map(({ name, version }) => `${name}==${version}`);
    await RECORD(this.database, { ...of, lock_id: id, packages: JSON.stringify(packages), resolved });
    return (await this.known(of)).lock;
  }

  async recordInstall(of: OfVersion, error: string | null): Promise<void> {
    await (error === null ? INSTALLED(this.database, of) : NOT_INSTALLED(this.database, { ...of, error }));
  }

  private async known(of: OfVersion): Promise<Known> {
    const [row] = await OWN(this.database, of);
    if (!row) return { failed: false };
    const { id, packages, failed } = row;
    return id === null ? { failed } : { lock: { id, packages }, failed };
  }

  async needed(): Promise<string[]> {
    const rows = await this.database.query<{ lock_id: string }>(
      'locks_needed',
      `SELECT DISTINCT lock_id FROM version_packages p
       WHERE lock_id IS NOT NULL
         AND (EXISTS (SELECT FROM workflows w WHERE w.current_version_sid = p.version_sid)
           OR EXISTS (SELECT FROM plays WHERE plays.version_sid = p.version_sid AND plays.status IN (${ACTIVE})))`,
      [],
    );
    return rows.map(({ lock_id }) => lock_id);
  }
}

const OWN = named<OfVersion, { id: string | null; packages: LockedPackage[]; failed: boolean }>(
  'version_lock_own',
  `SELECT lock_id AS id, packages, error IS NOT NULL AS failed FROM version_packages
   WHERE version_sid = :version_sid AND target = :target`,
);

const UNLESS_LOCKED = `ON CONFLICT (version_sid, target) DO UPDATE
     SET lock_id = excluded.lock_id, packages = excluded.packages, resolved = excluded.resolved, resolved_at = excluded.resolved_at
     WHERE version_packages.lock_id IS NULL`;

const SHARE = named<OfVersion>(
  'version_lock_share',
  `INSERT INTO version_packages (version_sid, target, lock_id, packages, resolved, resolved_at)
   SELECT v.sid, p.target, p.lock_id, p.packages, p.resolved, p.resolved_at
   FROM versions v
   JOIN version_packages p ON p.target = :target AND p.lock_id IS NOT NULL AND p.error IS NULL
     AND p.resolved_at > now() - ${SHARED_FOR}
   JOIN versions o ON o.sid = p.version_sid AND o.requirements @> v.requirements AND o.requirements <@ v.requirements
   WHERE v.sid = :version_sid
   ORDER BY p.resolved_at DESC, p.version_sid LIMIT 1
   ${UNLESS_LOCKED}`,
);

const RECORD = named<object>(
  'version_lock_record',
  `INSERT INTO version_packages (version_sid, target, lock_id, packages, resolved, resolved_at)
   SELECT sid, :target, :lock_id, :packages, :resolved, now() FROM versions WHERE sid = :version_sid
   ${UNLESS_LOCKED}`,
);

const NOT_INSTALLED = named<object>(
  'version_not_installed',
  `INSERT INTO version_packages (version_sid, target, error)
   SELECT sid, :target, :error FROM versions WHERE sid = :version_sid
   ON CONFLICT (version_sid, target) DO UPDATE SET error = excluded.error`,
);

const INSTALLED = named<OfVersion>(
  'version_installed',
  `UPDATE version_packages SET error = NULL WHERE version_sid = :version_sid AND target = :target AND error IS NOT NULL`,
);
