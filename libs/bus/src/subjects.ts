/**
 * What may be a subject. A server ends the connection of a client whose protocol line is too long, and the client says the same
 * line again at each reconnect: one subject would end every other request of its service for good. So a subject is refused
 * before it reaches the connection, whoever names it: this library, JetStream's client, or a caller of `bus.nc`.
 */
import { HeroError } from '@hero/contracts';
import type { NatsConnection } from '@nats-io/transport-node';

/** A server's own limit is 4,096 bytes for a line: two subjects, a queue group and sizes. The longest of ours has about 150. */
const SUBJECT_LIMIT = 512;

/** Printable ASCII without space, dot and wildcards. */
const TOKEN = String.raw`[!-)+\-,/-=?-~]+`;
const EXACT = new RegExp(`^${TOKEN}(?:\\.${TOKEN})*$`);
const PATTERN = new RegExp(`^(?:(?:${TOKEN}|\\*)(?:\\.(?:${TOKEN}|\\*))*(?:\\.>)?|>)$`);

/** Throws INVALID_PARAMS unless messages may be sent to this subject. */
export function checkSubject(subject: string): void {
  check(subject, EXACT);
}

/** Throws INVALID_PARAMS unless this subject may be listened on; it may hold wildcards. */
export function checkPattern(subject: string): void {
  check(subject, PATTERN);
}

function check(subject: string, form: RegExp): void {
  const long = subject.length > SUBJECT_LIMIT;
  if (!long && form.test(subject)) return;
  const shown = JSON.stringify(long ? `${subject.slice(0, 60)}…` : subject);
  const why = long
    ? `it has ${subject.length} characters, and ${SUBJECT_LIMIT} at most are allowed`
    : 'it may hold printable ASCII without spaces, in parts that are joined by dots and not empty';
  throw new HeroError('INVALID_PARAMS', `${shown} is not a subject of the bus: ${why}. Check the identifiers in it.`);
}

/** The same connection, refusing such subjects at each of its doors. */
export function guarded(nc: NatsConnection): NatsConnection {
  const publish = nc.publish.bind(nc);
  const subscribe = nc.subscribe.bind(nc);
  const request = nc.request.bind(nc);
  const requestMany = nc.requestMany.bind(nc);
  nc.publish = (subject, payload, options) => {
    checkSubject(subject);
    if (options?.reply !== undefined) checkSubject(options.reply);
    publish(subject, payload, options);
  };
  nc.subscribe = (subject, options) => {
    checkPattern(subject);
    if (options?.queue !== undefined) checkSubject(options.queue);
    return subscribe(subject, options);
  };
  nc.request = (subject, payload, options) => rejecting(subject, () => request(subject, payload, options));
  nc.requestMany = (subject, payload, options) => rejecting(subject, () => requestMany(subject, payload, options));
  return nc;
}

function rejecting<T>(subject: string, ask: () => Promise<T>): Promise<T> {
  try {
    checkSubject(subject);
  } catch (error) {
    return Promise.reject(error);
  }
  return ask();
}
