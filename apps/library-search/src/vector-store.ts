/**
 * Vectors on disk, by the hash of the text: what was embedded once is never embedded again, also after a restart.
 *
 * 1. The file belongs to one model. It is a cache: whatever is missing or damaged is embedded again.
 * 2. A record has a fixed length and its own checksum, and is appended by one write, so that a crash or a second instance costs at
 *    most that record. A file whose length is not a multiple of the record is cut.
 * 3. The vectors of texts that are gone stay in it; a file above LARGEST_BYTES is begun anew.
 */
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { PackedVector } from './vector-index.js';

const HASH = 32;
const SCALE = 4;
const CHECK = 4;
const LARGEST_BYTES = 512 * 1024 * 1024;

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64');

export class VectorStore {
  private readonly known = new Map<string, PackedVector>();
  private file?: number;
  private dimensions?: number;
  private readonly path: string;

  constructor(folder: string, model: string) {
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, `vectors-${createHash('sha256').update(model).digest('hex').slice(0, 16)}.bin`);
    this.read();
  }

  get(hash: string): PackedVector | undefined {
    return this.known.get(hash);
  }

  put(hash: string, vector: PackedVector): void {
    if (this.known.has(hash)) return;
    if (this.dimensions !== undefined && this.dimensions !== vector.bytes.length) this.empty();
    this.file ??= this.open(vector.bytes.length);
    this.known.set(hash, vector);
    writeSync(this.file, recordOf(hash, vector));
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private open(dimensions: number): number {
    const file = openSync(this.path, 'a');
    if (this.dimensions === undefined) writeSync(file, header(dimensions));
    this.dimensions = dimensions;
    return file;
  }

  /** The endpoint behind the same name now answers with other vectors. */
  private empty(): void {
    this.close();
    this.known.clear();
    writeFileSync(this.path, '');
    this.dimensions = undefined;
  }

  private read(): void {
    let content: Buffer;
    try {
      content = readFileSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    if (content.length < SCALE || content.length > LARGEST_BYTES) return this.empty();
    const dimensions = content.readUInt32LE(0);
    const length = HASH + SCALE + dimensions + CHECK;
    const records = Math.floor((content.length - SCALE) / length);
    for (let at = SCALE; at < SCALE + records * length; at += length) {
      const record = content.subarray(at, at + length);
      if (!record.subarray(-CHECK).equals(checkOf(record.subarray(0, -CHECK)))) continue;
      const bytes = Int8Array.from(record.subarray(HASH + SCALE, HASH + SCALE + dimensions));
      this.known.set(record.toString('base64', 0, HASH), { bytes, scale: record.readFloatLE(HASH) });
    }
    this.dimensions = dimensions;
    if (SCALE + records * length === content.length) return;
    const file = openSync(this.path, 'r+');
    ftruncateSync(file, SCALE + records * length);
    closeSync(file);
  }
}

function header(dimensions: number): Buffer {
  const bytes = Buffer.alloc(SCALE);
  bytes.writeUInt32LE(dimensions);
  return bytes;
}

function recordOf(hash: string, { bytes, scale }: PackedVector): Buffer {
  const scaled = Buffer.alloc(SCALE);
  scaled.writeFloatLE(scale);
  const content = Buffer.concat([
    Buffer.from(hash, 'base64'),
    scaled,
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  ]);
  return Buffer.concat([content, checkOf(content)]);
}

const checkOf = (content: Buffer): Buffer => createHash('sha256').update(content).digest().subarray(0, CHECK);
