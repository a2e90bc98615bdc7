/** What turns texts into vectors: the built-in model, or an endpoint. */
export interface Embedder {
  /** Names the model; vectors of another one are not comparable. */
  readonly model: string;
  /** One vector a text, in order. Throws `EmbedderFault` where it cannot. */
  embed(texts: readonly string[], urgency: 'query' | 'background'): Promise<Float32Array[]>;
  stop(): Promise<void>;
}

/** The sentence says why there are no vectors; searches then go by words. */
export class EmbedderFault extends Error {
  constructor(
    message: string,
    /** Whether it may work later without a change of the settings. */
    readonly passing: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'EmbedderFault';
  }
}
