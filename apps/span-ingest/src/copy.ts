/**
 * COPY … FROM STDIN, without another dependency. Measured here (19 columns, 650 B a row, four connections): 70,000 rows
 * a second, where unnest does 46,000 to 53,000 and json_to_recordset 47,000. COPY knows no ON CONFLICT: it is for rows
 * that are known to be new, which under the play's row lock they are.
 */
import type { PoolClient, Submittable } from 'pg';

export type Cell = string | number | boolean | null;

/** What pg's connection can do and its types leave out. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

export async function copyInto(
  client: PoolClient,
  table: string,
  columns: readonly string[],
  lines: readonly string[],
): Promise<void> {
  await client.query(new CopyIn(`COPY ${table} (${columns.join(', ')}) FROM STDIN`, lines)).done;
}

/** One row in COPY's text format. Changes `cells`. */
export function line(cells: Cell[]): string {
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    if (cell === null) cells[i] = '\\N';
    else if (typeof cell === 'string' && SPECIAL.test(cell)) cells[i] = cell.replace(EACH_SPECIAL, escaped);
  }
  return cells.join('\t');
}

const SPECIAL = /[\\\n\r\t]/;
const EACH_SPECIAL = /[\\\n\r\t]/g;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const escaped = (character: string): string => ESCAPES[character] ?? character;

class CopyIn implements Submittable {
  readonly done: Promise<void>;
  private resolve!: () => void;
  private reject!: (error: Error) => void;

  constructor(
    private readonly statement: string,
    private readonly lines: readonly string[],
  ) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: Pick<CopyConnection, 'query'>): void {
    connection.query(this.statement);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(Buffer.from(`${this.lines.join('\n')}\n`));
    connection.endCopyFrom();
  }

  handleError(error: Error): void {
    this.reject(error);
  }

  handleReadyForQuery(): void {
    this.resolve();
  }

  handleCommandComplete(): void {}
}
