/**
 * The settings of the two streams and their consumers: whoever needs one ensures it with these settings, at any time.
 *
 * 1. Work queues: a message leaves the stream with its ack, so a stream holds what is still to be done.
 * 2. No settings that a 2.9 server does not know: it would ignore them silently (streams.ts reads them back).
 */
import {
  ALL_TELEMETRY,
  MIB,
  TELEMETRY_CONSUMER,
  TELEMETRY_STREAM,
  WORK_CONSUMER,
  WORK_STREAM,
  WORK_SUBJECT,
} from '@hero/contracts';
import { AckPolicy, DeliverPolicy, DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { ConsumerSettings, StreamAndConsumer } from './streams.js';

const consumer = (durable_name: string, ackWithinMs: number, unacked: number): ConsumerSettings => ({
  durable_name,
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  ack_wait: nanos(ackWithinMs),
  max_ack_pending: unacked,
  max_deliver: -1,
});

const DUPLICATES_WITHIN_MS = 120_000;

/** Wake-ups of plays. Acked right after the claim; what is lost here the reconciler publishes again. */
export const WORK_SETTINGS: StreamAndConsumer = {
  stream: {
    name: WORK_STREAM,
    subjects: [WORK_SUBJECT],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_bytes: 256 * MIB,
    duplicate_window: nanos(DUPLICATES_WITHIN_MS),
  },
  consumer: consumer(WORK_CONSUMER, 5_000, 10_000),
};

/**
 * Batches of events. Full is full: a publisher is refused and drops with a count, and one play cannot fill the stream
 * for the others. Acked after the commit; span-ingest renews what it holds for longer, so
 * that what a dead one held comes again within seconds.
 */
export const TELEMETRY_SETTINGS: StreamAndConsumer = {
  stream: {
    name: TELEMETRY_STREAM,
    subjects: [ALL_TELEMETRY],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_bytes: 1024 * MIB,
    max_msgs_per_subject: 20_000,
    duplicate_window: nanos(DUPLICATES_WITHIN_MS),
  },
  consumer: consumer(TELEMETRY_CONSUMER, 5_000, 10_000),
};
