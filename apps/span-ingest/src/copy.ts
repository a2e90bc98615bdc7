/**
 * COPY … FROM STDIN in PostgreSQL's binary format, without another dependency: rows are written once, as the bytes that go to
 * the socket, and the server parses no text. COPY knows no ON CONFLICT: it is for rows that are known to be new.
 *
 * 1. All tables of a transaction go in one message with their data behind it, and one answer comes back. What the server
 *    has not read when a statement fails it skips, as the protocol says.
 * 2. The bytes belong to the server until it answers: only then is a buffer used for other rows.
 */
import type { PoolClient, Submittable } from 'pg';

export type Cell = string | number | boolean | null;
export type CellType = 'text' | 'integer' | 'boolean' | 'double precision';

/** What pg's connection can do and its types leave out. */
interface CopyConnection {
  query(text: string): void;
  stream: { readonly writable: boolean; write(chunk: Uint8Array): void };
}

const SIGNATURE = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const [COPY_DATA, COPY_DONE] = [0x64, 0x63];
/** Before the rows: the kind and the length of the message, and the signature. */
const HEAD = 5 + SIGNATURE.length;
/** After them: the end of the rows, and the message that ends the COPY. */
const TAIL = 7;
/** Up to here a loop is quicker than a call into V8's own encoder. */
const SHORT = 32;
const FIRST_BYTES = 64 * 1024;
const LARGEST_KEPT = 4 * 1024 * 1024;

/** The rows of one table on their way to it. */
export class CopyRows {
  private buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private at = HEAD;
  private rows = 0;
  readonly statement: string;

  constructor(
    table: string,
    private readonly columns: readonly string[],
  ) {
    this.statement = `COPY ${table} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`;
  }

  get empty(): boolean {
    return this.rows === 0;
  }

  /** Begins a row: as many cells follow as there are columns. */
  row(): void {
    this.room(2);
    this.at = this.buffer.writeInt16BE(this.columns.length, this.at);
    this.rows++;
  }

  cell(type: CellType, value: Cell): void {
    if (value === null) this.null();
    else if (type === 'text') this.text(value as string);
    else if (type === 'integer') this.integer(value as number);
    else if (type === 'boolean') this.boolean(value as boolean);
    else this.double(value as number);
  }

  null(): void {
    this.room(4);
    this.at = this.buffer.writeInt32BE(-1, this.at);
  }

  text(value: string): void {
    const { length } = value;
    this.room(4 + 3 * length);
    const from = this.at + 4;
    let bytes = 0;
    if (length <= SHORT) {
      for (; bytes < length; bytes++) {
        const unit = value.charCodeAt(bytes);
        if (unit > 0x7f) break;
        this.buffer[from + bytes] = unit;
      }
    }
    if (bytes < length) bytes = this.buffer.write(value, from);
    this.buffer.writeInt32BE(bytes, this.at);
    this.at = from + bytes;
  }

  bytes(value: Uint8Array): void {
    this.room(4 + value.length);
    this.at = this.buffer.writeInt32BE(value.length, this.at);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  integer(value: number): void {
    this.room(8);
    this.at = this.buffer.writeInt32BE(4, this.at);
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  double(value: number): void {
    this.room(12);
    this.at = this.buffer.writeInt32BE(8, this.at);
    this.at = this.buffer.writeDoubleBE(value, this.at);
  }

  boolean(value: boolean): void {
    this.room(5);
    this.at = this.buffer.writeInt32BE(1, this.at);
    this.buffer[this.at++] = value ? 1 : 0;
  }

  /** The rows as the messages that carry them; valid until `clear`. */
  encoded(): Buffer {
    this.room(TAIL);
    const { buffer } = this;
    buffer[0] = COPY_DATA;
    buffer.writeInt32BE(this.at + 1, 1);
    SIGNATURE.copy(buffer, 5);
    let end = buffer.writeInt16BE(-1, this.at);
    end = buffer.writeUInt8(COPY_DONE, end);
    return buffer.subarray(0, buffer.writeInt32BE(4, end));
  }

  clear(): void {
    if (this.buffer.length > LARGEST_KEPT) this.buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.at = HEAD;
    this.rows = 0;
  }

  private room(bytes: number): void {
    if (this.at + bytes + TAIL <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.buffer.length, this.at + bytes + TAIL));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}

/** Writes the rows of several tables. */
export async function copyAll(client: PoolClient, tables: readonly CopyRows[]): Promise<void> {
  const written = tables.filter(({ empty }) => !empty);
  if (written.length > 0) await client.query(new CopyIn(written)).done;
}

class CopyIn implements Submittable {
  readonly done: Promise<void>;
  private resolve!: () => void;
  private reject!: (error: Error) => void;

  constructor(private readonly tables: readonly CopyRows[]) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: unknown): void {
    const { stream, query } = connection as CopyConnection;
    query.call(connection, this.tables.map(({ statement }) => statement).join('; '));
    if (stream.writable) for (const table of this.tables) stream.write(table.encoded());
  }

  handleCopyInResponse(): void {}

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.reject(error);
  }

  handleReadyForQuery(): void {
    this.resolve();
  }
}
