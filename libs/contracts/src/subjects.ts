/** Subjects and streams that are not contracts. Fixed names: `interface.md`, NATS. */

/** Committed, numbered batches of one play. */
export const playSpans = (playSid: string): string => `hero.play.${playSid}.spans`;
export const ALL_PLAY_SPANS = 'hero.play.*.spans';

/** Announcements of changes, best effort: `hero.events.<kind>.<sid>`. */
export type ChangeKind = 'play' | 'workflow';
export const change = (kind: ChangeKind, sid: string): string => `hero.events.${kind}.${sid}`;
export const allChanges = (kind: ChangeKind): string => `hero.events.${kind}.*`;
/** Notices to one executor about plays that it no longer owns. The answer to its lease says the same within a second. */
export const executorNotice = (instance: string): string => `hero.events.executor.${instance}`;

/** Play work: a message is a wake-up, never the truth. Body: {play_sid, run_seq}. */
export const WORK_STREAM = 'HERO_WORK';
export const WORK_SUBJECT = 'hero.work';
export const WORK_CONSUMER = 'executors';

/** Telemetry on its way to span-ingest: one message is one EventBatch, or under TELEMETRY_OF_MANY several of them, one a line. */
export const TELEMETRY_STREAM = 'HERO_TELEMETRY';
export const telemetry = (playSid: string): string => `hero.telemetry.${playSid}`;
/** In place of a play's sid, and none can have it: batches of several plays. */
export const TELEMETRY_OF_MANY = '+many';
export const ALL_TELEMETRY = 'hero.telemetry.*';
export const TELEMETRY_CONSUMER = 'span-ingest';

/** Every instance of every service answers here with its ServiceInfo. */
export const INFO_SUBJECT = 'hero.info';
/** Every instance answers here with the subjects and environment that it really uses; `infocheck` compares them with service.toml. */
export const SELF_SUBJECT = 'hero.self';
