/** An OpenAI-compatible endpoint of embeddings: the vector of a text says which of a few subjects it is about. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** Words of one line have one meaning. */
const SUBJECTS = [
  ['money', 'currency', 'euros', 'exchange'],
  ['weather', 'rain', 'umbrella'],
  ['tea', 'kettle', 'brew'],
];

export interface Endpoint extends AsyncDisposable {
  readonly url: string;
  /** All texts that were embedded. */
  readonly texts: string[];
  /** What it answers with; 200 embeds. */
  status: number;
}

function vectorOf(text: string): number[] {
  const words = text.toLowerCase().split(/\W+/);
  return [...SUBJECTS.map((subject) => words.filter((word) => subject.includes(word)).length), 0.1];
}

export async function endpoint(): Promise<Endpoint> {
  const texts: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { input, model } = JSON.parse(Buffer.concat(parts).toString()) as { input: string[]; model: string };
      const right = request.url === '/v1/embeddings' && request.headers.authorization === 'Bearer k' && model === 'm';
      response.statusCode = right ? own.status : 400;
      if (response.statusCode === 200) texts.push(...input);
      const data = input.map((text, index) => ({ index, embedding: vectorOf(text) })).toReversed();
      response.end(JSON.stringify({ data }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own: Endpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    texts,
    status: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return own;
}
