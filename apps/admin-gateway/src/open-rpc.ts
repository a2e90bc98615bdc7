import { publicContracts } from '@hero/contracts';
import { openRpcDocument } from '@hero/openrpc';

let text: string | undefined;

/** The OpenRPC document of this gateway, made at the first request and then cached. */
export function openRpcText(): string {
  text ??= JSON.stringify(openRpcDocument(publicContracts()));
  return text;
}
