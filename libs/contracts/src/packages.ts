/** Contracts between executor and registry about the packages that a version requires (docs/decisions/0024-packages.md). */
import { z } from 'zod';
import { contract } from './contract.js';
import { fence, RemainingMs } from './runs.js';
import { Ok, Sid } from './values.js';

/** What decides which wheels fit: implementation, version and platform of the interpreter, as in `cpython-3.11-linux-x86_64`. */
export const PythonTarget = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/);

/** One package of a lock: exactly this release, and only a file with one of these hashes. */
export const LockedPackage = z.object({
  name: z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?$/),
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.!+_-]{0,200}$/),
  hashes: z
    .array(z.string().regex(/^sha256:[0-9a-f]{64}$/))
    .min(1)
    .max(2_000),
});
export type LockedPackage = z.infer<typeof LockedPackage>;

/** All that is installed for a version at one target. Equal locks have the same id, and share an environment. */
export const PackageLock = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  packages: z.array(LockedPackage).max(2_000),
});
export type PackageLock = z.infer<typeof PackageLock>;

const ofVersion = { version_sid: Sid, target: PythonTarget };

export const versionLock = contract({
  name: 'version_lock',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'What was resolved for a version at a target; null where nothing was yet.',
  description:
    'A version without a lock takes that of another version with the same requirements, if it was resolved in the last ' +
    'seven days: so they share an environment.',
  params: z.strictObject(ofVersion),
  result: z.object({
    lock: PackageLock.nullable(),
    failed: z.boolean().describe('An error of an installation stands on the version.'),
  }),
  idempotent: true,
});

export const versionLockRecord = contract({
  name: 'version_lock_record',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Records what was resolved for a version, once: the answer is the lock that counts.',
  params: z.strictObject({ ...ofVersion, packages: PackageLock.shape.packages }),
  result: z.object({ lock: PackageLock }),
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const versionInstallRecord = contract({
  name: 'version_install_record',
  service: 'registry',
  visibility: 'inner',
  summary: 'Records on a version why its packages could not be installed; null: they are installed.',
  params: z.strictObject({ ...ofVersion, error: z.string().max(20_000).nullable() }),
  result: Ok,
  idempotent: true,
});

export const locksNeeded = contract({
  name: 'locks_needed',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'The locks of all versions that are current or have a play that is not final.',
  params: z.strictObject({}),
  result: z.object({ ids: z.array(PackageLock.shape.id) }),
  idempotent: true,
});

export const playPrepare = contract({
  name: 'play_prepare',
  service: 'registry',
  visibility: 'inner',
  summary: 'The time limit of a claimed play stands still while its packages are installed.',
  params: z.strictObject({ ...fence, preparing: z.boolean().describe('False: it goes on.') }),
  result: z.object({ held: z.boolean().describe('False: fenced.'), remaining_ms: RemainingMs }),
  idempotent: true,
});
