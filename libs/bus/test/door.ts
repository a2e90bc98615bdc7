import { EventEmitter, once } from 'node:events';
import { type Bus, BusServer, type CallContext, connectBus, Handle, type Log, silent } from '@hero/bus';
import { HeroError, type Params, type Result } from '@hero/contracts';
import { Controller, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { echo, fail, wait, work } from './methods.js';

/** What a test controls in a door, and what it sees of it. */
export class World extends EventEmitter {
  light: 'red' | 'green' = 'red';
  slices = 0;
  worked = 0;
  hold?: Promise<unknown>;

  turnGreen(): void {
    this.light = 'green';
    this.emit('green');
  }
}

@Controller()
class Door {
  constructor(
    @Inject('world') private readonly world: World,
    @Inject('name') private readonly name: string,
  ) {}

  @Handle(echo)
  echo({ text, times }: Params<typeof echo>, { caller }: CallContext): Result<typeof echo> {
    return { text: text.repeat(times), by: this.name, caller };
  }

  @Handle(fail)
  async fail({ how }: Params<typeof fail>): Promise<Result<typeof fail>> {
    if (how === 'conflict') throw new HeroError('CONFLICT', 'Choose another name.', { details: { taken: 'a' } });
    if (how === 'away') throw Object.assign(new Error('database restarts'), { unavailable: true });
    if (how === 'wrong reply') return JSON.parse('{"ok": "yes"}');
    throw new Error('the password is hunter2');
  }

  @Handle(work)
  async work(): Promise<Result<typeof work>> {
    const count = ++this.world.worked;
    this.world.emit('working', count);
    await this.world.hold;
    return { count };
  }

  @Handle(wait)
  async wait({ timeout_ms }: Params<typeof wait>, { closing }: CallContext): Promise<Result<typeof wait>> {
    this.world.slices++;
    this.world.emit('slice');
    const limit = AbortSignal.any([closing, AbortSignal.timeout(timeout_ms)]);
    if (this.world.light === 'red') await once(this.world, 'green', { signal: limit }).catch(() => undefined);
    return { light: this.world.light, slices: this.world.slices };
  }
}

export interface Opened extends AsyncDisposable {
  bus: Bus;
  server: BusServer;
  world: World;
  close(): Promise<void>;
}

interface DoorOptions {
  name?: string;
  instance?: string;
  log?: Log;
  drainMs?: number;
  world?: World;
}

/** A service with one door, on a connection of its own. */
export async function openDoor(url: string, options: DoorOptions = {}): Promise<Opened> {
  const { name = 'door', world = new World(), instance, log = silent, drainMs } = options;
  const bus = await connectBus({ url, name, log });
  const server = new BusServer(bus, { service: 'registry', instance, log, drainMs });
  @Module({
    controllers: [Door],
    providers: [
      { provide: 'world', useValue: world },
      { provide: 'name', useValue: name },
    ],
  })
  class DoorModule {}
  const app = await NestFactory.createMicroservice(DoorModule, { strategy: server, logger: false });
  await app.listen();
  const close = async (): Promise<void> => {
    await app.close();
    await bus.drain();
  };
  return { bus, server, world, close, [Symbol.asyncDispose]: close };
}
