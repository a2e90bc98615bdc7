/**
 * The secrets of this executor: what plays may ask for, and what must not leave it.
 *
 * 1. A play gets what the entry flow of its version declares (`@flow(secrets=[…])`), when it asks, and nothing else.
 * 2. Every value that was ever given, or could be given now, is redacted from what a play says that declares its name: a play
 *    may have kept an earlier one.
 * 3. A secret reaches the play over its control connection only: it is in no environment, in no fork server and on no bus.
 */
import { HeroError, type JsonObject } from '@hero/contracts';
import { Redactor, type Secret } from './redactor.js';
import { SecretFault, type SecretFile } from './secret-file.js';

/** The name of AIBROKER_API_KEY, which the environment of the executor may hold instead of the file. */
export const BROKER_KEY = 'AIBROKER_API_KEY';
/** Earlier values of one name that are still redacted. */
const MOST_EARLIER = 50;
const MOST_REDACTORS = 100;

export class Secrets {
  private readonly given = new Map<string, string[]>();
  /** By the names that are declared, for one version of the file and what was given. */
  private readonly redactors = new Map<string, Redactor | undefined>();
  private version = '';

  constructor(
    private readonly file: SecretFile | undefined,
    private readonly own: ReadonlyMap<string, string> = new Map(),
  ) {}

  /** Rule 1. The error names the secret and what to do. */
  ask(name: string, declared: readonly string[]): string {
    if (!declared.includes(name)) {
      const all = [...declared, name].map((one) => JSON.stringify(one)).join(', ');
      throw new HeroError(
        'FORBIDDEN',
        `This play may not have the secret ${name}: declare it on its entry flow, as @flow(secrets=[${all}]).`,
      );
    }
    const value = this.values().get(name);
    if (value === undefined) throw new HeroError('NOT_FOUND', `There is no secret ${name}: ${this.remedy(name)}.`);
    this.remember(name, value);
    return value;
  }

  /** Rule 2; undefined where there is nothing to redact. */
  redactor(declared: readonly string[]): Redactor | undefined {
    if (declared.length === 0) return undefined;
    let now: ReadonlyMap<string, string>;
    try {
      now = this.values();
    } catch (error) {
      if (!(error instanceof HeroError)) throw error; // `ask` says it to the play that asks
      return this.made(declared, new Map());
    }
    const key = JSON.stringify(declared);
    const version = this.file?.version ?? '';
    if (version !== this.version || this.redactors.size >= MOST_REDACTORS) this.redactors.clear();
    this.version = version;
    if (!this.redactors.has(key)) this.redactors.set(key, this.made(declared, now));
    return this.redactors.get(key);
  }

  private made(declared: readonly string[], now: ReadonlyMap<string, string>): Redactor | undefined {
    const secrets = declared.flatMap((name): Secret[] => {
      const current = now.get(name);
      const values = new Set([...(current === undefined ? [] : [current]), ...(this.given.get(name) ?? [])]);
      return [...values].map((value) => ({ name, value }));
    });
    return secrets.length > 0 ? new Redactor(secrets) : undefined;
  }

  private values(): ReadonlyMap<string, string> {
    if (!this.file) return this.own;
    try {
      return new Map([...this.own, ...this.file.read()]);
    } catch (error) {
      if (!(error instanceof SecretFault)) throw error;
      throw new HeroError('UNAVAILABLE', `HERO_SECRETS_FILE: ${error.message}.`);
    }
  }

  private remedy(name: string): string {
    if (this.file) return `add the line ${name}=… to HERO_SECRETS_FILE of the executor, which reads it again by itself`;
    return `start the executor with HERO_SECRETS_FILE, a file of mode 0600 with the line ${name}=…`;
  }

  private remember(name: string, value: string): void {
    const values = this.given.get(name) ?? [];
    if (values.includes(value)) return;
    this.redactors.clear();
    this.given.set(name, [...values, value].slice(-MOST_EARLIER));
  }
}

/** The secrets that the entry flow of a version declares. */
export function declaredSecrets({ secrets }: JsonObject): string[] {
  return Array.isArray(secrets) ? secrets.filter((name) => typeof name === 'string') : [];
}
