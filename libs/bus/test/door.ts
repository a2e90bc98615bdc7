import { EventEmitter, once } from 'node:events';
import { type Bus, BusServer, type CallContext, connectBus, Handle, type Log, silent } from '@hero/bus';
import { HeroError, type Params, type Result } from '@hero/contracts';
import { Controller, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { echo, fail, wait, work } from './methods.js';

/** What a test controls in a door, and what it sees of it. */
export class DoorState extends EventEmitter {
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
    @Inject('state') private readonly state: DoorState,
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
    const count = ++this.state.worked;
    this.state.emit('working', count);
    await this.state.hold;
    return { count };
  }

  @Handle(wait)
  async wait({ timeout_ms }: Params<typeof wait>, { closing }: CallContext): Promise<Result<typeof wait>> {
    this.state.slices++;
    this.state.emit('slice');
    const limit = AbortSignal.any([closing, AbortSignal.timeout(timeout_ms)]);
    if (this.state.light === 'red') await once(this.state, 'green', { signal: limit }).catch(() => undefined);
    return { light: this.state.light, slices: this.state.slices };
  }
}

export interface Opened extends AsyncDisposable {
  bus: Bus;
  server: BusServer;
  state: DoorState;
  close(): Promise<void>;
}

interface DoorOptions {
  name?: string;
  instance?: string;
  log?: Log;
  drainMs?: number;
  state?: DoorState;
}

/** A service with one door, on a connection of its own. */
export async function openDoor(url: string, options: DoorOptions = {}): Promise<Opened> {
  const { name = 'door', state = new DoorState(), instance, log = silent, drainMs } = options;
  const bus = await connectBus({ url, name, log });
  const server = new BusServer(bus, { service: 'registry', instance, log, drainMs });
  @Module({
    controllers: [Door],
    providers: [
      { provide: 'state', useValue: state },
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
  return { bus, server, state, close, [Symbol.asyncDispose]: close };
}
