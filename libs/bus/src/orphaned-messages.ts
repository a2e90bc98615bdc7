/**
 * What a work queue holds and delivers to nobody.
 *
 * A nats-server 2.9 that was killed (`kill -9`, out of memory) brings messages back whose acks it had already counted: they lie at or
 * below the consumer's ack floor, are never delivered again, and fill the stream up to its limit (2.9.10: about a thousand a kill at
 * 2,000 messages a second; 2.12.15: none). A consumer that is made anew is delivered all that the stream holds; whoever takes it knows
 * what came before (I8), and acks it away.
 */
import type { Bus } from './bus.js';
import { ensureConsumer, type StreamAndConsumer } from './streams.js';

export class OrphanedMessages {
  /** The oldest message that seemed orphaned at the last look; 0: none. */
  private suspect = 0;

  constructor(
    private readonly bus: Bus,
    private readonly of: StreamAndConsumer,
  ) {}

  /**
   * Has delivered again what seemed orphaned at two looks: at one look alone its removal may be under way. Returns how many messages
   * the stream held then; 0 as a rule. Fails as JetStream does while stream or consumer are away.
   */
  async redeliver(): Promise<number> {
    const { jsm } = this.bus;
    const { stream, consumer } = this.of;
    // In this order: the stream as it is after the floor was read.
    const { ack_floor } = await jsm.consumers.info(stream.name, consumer.durable_name);
    const { state } = await jsm.streams.info(stream.name);
    const oldest = state.messages > 0 && state.first_seq <= ack_floor.stream_seq ? state.first_seq : 0;
    const orphaned = oldest > 0 && oldest === this.suspect;
    this.suspect = oldest;
    if (!orphaned) return 0;
    await jsm.consumers.delete(stream.name, consumer.durable_name);
    await ensureConsumer(jsm, stream.name, consumer);
    return state.messages;
  }
}
