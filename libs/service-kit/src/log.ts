import { type Logger as Pino, pino } from 'pino';

/** The logger. Libraries and services use only its interface `Log` of @hero/bus. */
export type ProcessLog = Pino;

interface LogOptions {
  service: string;
  instance: string;
  level: string;
  format: 'json' | 'line';
}

/** Writes messages with fields to standard output, as JSON or as readable lines for a terminal. */
export function createLog({ service, instance, level, format }: LogOptions): ProcessLog {
  const options = {
    level,
    base: { service, instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return format === 'line'
    ? pino(options, { write: (json: string) => process.stdout.write(line(json)) })
    : pino(options);
}

const HIDDEN = new Set(['level', 'time', 'service', 'instance', 'msg', 'err']);

function line(json: string): string {
  const fact = JSON.parse(json) as Record<string, unknown>;
  const fields = Object.entries(fact)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const { err } = fact;
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : '';
  const time = String(fact.time).slice(11, 23);
  return `${time} ${String(fact.level).padEnd(5)} ${String(fact.service)}: ${String(fact.msg)}${fields.join('')}${stack}\n`;
}
