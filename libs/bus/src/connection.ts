import type { NatsConnection } from '@nats-io/transport-node';
import type { Parcels } from './parcels.js';
import type { Replies } from './replies.js';

/** What questions and streams need of a bus. */
export interface Connection {
  readonly nc: NatsConnection;
  /** Who asks. */
  readonly name: string;
  readonly connected: boolean;
  /** Bytes of a body that still fits one message. */
  readonly pageBytes: number;
  readonly parcels: Parcels;
  readonly replies: Replies;
  readonly waitSliceMs: number;
  readonly outageLimitMs: number;
  /** Calls after each reconnect, until the returned function is called. */
  onReconnect(listener: () => void): () => void;
}
