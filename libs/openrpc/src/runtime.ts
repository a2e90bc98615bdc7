import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** This package's folder, whether its sources or its build are running. */
export const PACKAGE = packageFolder(import.meta.dirname);

function packageFolder(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageFolder(dirname(folder));
}

/** The part of a client that does not depend on the document: a real source file with its own tests. */
export function runtimeFile(name: string): string {
  return readFileSync(join(PACKAGE, 'runtime', name), 'utf8');
}
