import type { OpenRpcDocument } from './document.js';

/** The head comment of every generated file. */
export function headOf({ info }: OpenRpcDocument): string[] {
  return [
    `Client of ${info.title} ${info.version}. Generated from its OpenRPC document (libs/contracts); do not edit:`,
    '`npm run generate` in the repository, or `hero_logic client`, writes it anew. Licence: Apache-2.0.',
  ];
}
