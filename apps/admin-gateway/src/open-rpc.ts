import { publicContracts } from '@hero/contracts';
import { type OpenRpcDocument, openRpcDocument } from '@hero/openrpc';

let made: OpenRpcDocument | undefined;
let text: string | undefined;

/** The OpenRPC document of this gateway, made at the first request and then cached. */
export function openRpc(): OpenRpcDocument {
  made ??= openRpcDocument(publicContracts());
  return made;
}

export function openRpcText(): string {
  text ??= JSON.stringify(openRpc());
  return text;
}
