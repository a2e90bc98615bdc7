import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Handle } from '@hero/bus';
import { contract, type Params, type Result } from '@hero/contracts';
import {
  defineService,
  ENV,
  heroEnv,
  type Parts,
  type ServiceContext,
  type ServiceDefinition,
} from '@hero/service-kit';
import { type TempFolder, tempFolder } from '@hero/testing';
import { Controller, Inject, Module } from '@nestjs/common';
import { z } from 'zod';

export const greet = contract({
  name: 'greet',
  service: 'registry',
  visibility: 'inner',
  summary: 'Greets.',
  params: z.strictObject({ name: z.string() }),
  result: z.object({ text: z.string() }),
});

@Controller()
class Door {
  constructor(@Inject(ENV) private readonly env: { GREETING: string }) {}

  @Handle(greet)
  greet({ name }: Params<typeof greet>): Result<typeof greet> {
    return { text: `${this.env.GREETING}, ${name}` };
  }
}

@Module({ controllers: [Door] })
class Greeter {}

export const MANIFEST = `
name = "registry"
kind = "core"
description = "Greets people, for tests."
subjects = ["hero.registry.greet"]
sockets = []

[environment]
GREETING = "How people are greeted."
DATABASE_URL = "Where PostgreSQL is."
`;

/** The folder of a service, with its two files. */
export async function serviceFolder(manifest = MANIFEST): Promise<TempFolder> {
  const folder = await tempFolder();
  await mkdir(join(folder.path, 'dist'));
  await writeFile(join(folder.path, 'service.toml'), manifest);
  await writeFile(join(folder.path, 'package.json'), '{"version": "1.2.3"}');
  return folder;
}

interface GreeterOptions {
  start?(context: ServiceContext): Promise<Parts | void> | Parts | void;
  http?: boolean;
}

export function greeter(folder: string, { start, http }: GreeterOptions = {}): ServiceDefinition {
  return defineService({
    name: 'registry',
    dir: join(folder, 'dist'),
    http,
    env: z.object({
      GREETING: z.string().min(3).describe('Set a greeting of 3 letters or more.'),
      DATABASE_URL: heroEnv.DATABASE_URL,
    }),
    module: Greeter,
    start,
  });
}

export const DATABASE_URL = 'postgresql://nobody@127.0.0.1:1/none';
