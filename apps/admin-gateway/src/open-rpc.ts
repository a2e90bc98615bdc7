import { publicContracts } from '@hero/contracts';
import { type OpenRpcDocument, openRpcDocument } from '@hero/openrpc';

let made: OpenRpcDocument | undefined;
let text: string | undefined;

/** The document of what this gateway offers: made when it is first asked for, and then kept. */
export function openRpc(): OpenRpcDocument {
  made ??= openRpcDocument(publicContracts());
  return made;
}

export function openRpcText(): string {
  text ??= JSON.stringify(openRpc());
  return text;
}
