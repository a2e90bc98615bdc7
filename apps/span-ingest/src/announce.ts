/**
 * Tells listeners of one play what was committed: NumberedBatches on `hero.play.<sid>.spans`, each below one NATS message.
 *
 * An event that is too large alone loses what makes it large in the live message only: its output first, then its tags,
 * its text and its error. `play_events` has it whole.
 */
/** An event that must be cut down keeps texts up to this many characters. */
const CUT_AT = 16_384;

export function messagesOf(playSid: string, texts: readonly string[], limit: number): string[] {
  const head = `{"play_sid":${JSON.stringify(playSid)},"events":[`;
  const room = limit - Buffer.byteLength(head) - 2;
  const messages: string[] = [];
  let part: string[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (part.length > 0) messages.push(`${head}${part.join(',')}]}`);
    part = [];
    bytes = 0;
  };
  for (const text of texts) {
    // No character takes more than three bytes: the exact length is only counted where that bound is too large.
    let size = 3 * text.length + 1;
    let fitting = text;
    if (size > room) {
      size = Buffer.byteLength(text) + 1;
      if (size > room) {
        fitting = cutDown(text, room);
        size = Buffer.byteLength(fitting) + 1;
      }
    }
    if (bytes + size > room) flush();
    part.push(fitting);
    bytes += size;
  }
  flush();
  return messages;
}

function cutDown(text: string, room: number): string {
  const event = JSON.parse(text) as Record<string, unknown>;
  const fits = (): boolean => Buffer.byteLength(JSON.stringify(event)) < room;
  if (event.output !== undefined) event.output_omitted = true;
  delete event.output;
  if (!fits() && 'tags' in event) event.tags = {};
  if (!fits()) delete event.usage;
  if (!fits()) for (const [key, value] of Object.entries(event)) event[key] = short(value);
  if (!fits()) delete event.error;
  return JSON.stringify(event);
}

const short = (value: unknown): unknown =>
  typeof value === 'string' && value.length > CUT_AT ? `${value.slice(0, CUT_AT)}…` : value;
