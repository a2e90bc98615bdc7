/** A registry that only answers workflow_revisions and workflow_use, from lists that its test writes. */
import { type Bus, BusServer, connectBus, Handle } from '@hero/bus';
import {
  change,
  type IndexedWorkflow,
  type Params,
  type Result,
  workflowRevisions,
  workflowUse,
} from '@hero/contracts';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** Sids become part of a subject, so they contain no spaces. */
export const sidOf = (name: string): string => `w-${name.replaceAll(' ', '-')}`;

export class Shelf {
  revision = 0;
  asked = 0;
  use: Result<typeof workflowUse> = [];
  private readonly changes = new Map<string, { revision: number; workflow: IndexedWorkflow | null }>();

  constructor(readonly bus: Bus) {}

  /** Commits a change and announces it, unless the announcement is to be lost. */
  put(words: Partial<IndexedWorkflow> & { name: string }, announced = true): IndexedWorkflow {
    const sid = words.sid ?? sidOf(words.name);
    const at = '2026-11-21T09:30:00.000Z';
    const texts = { description: '', docstring: '', tags: [], inputs: [], outputs: [], steps: [] };
    const nothing = { ...texts, created_at: at, updated_at: at };
    const workflow = { ...nothing, current_version_sid: `v-${sid}`, current_version_number: 1, ...words, sid };
    this.commit(sid, workflow, announced);
    return workflow;
  }

  remove(sid: string, announced = true): void {
    this.commit(sid, null, announced);
  }

  /** Replaces the data, like a restored backup. */
  forget(): void {
    this.changes.clear();
    this.revision = 0;
  }

  revisions({ after, limit }: Params<typeof workflowRevisions>): Result<typeof workflowRevisions> {
    this.asked++;
    const items = [...this.changes]
      .map(([workflow_sid, one]) => ({ workflow_sid, ...one }))
      .filter((one) => one.revision > after)
      .sort((a, b) => a.revision - b.revision);
    return { items: items.slice(0, limit), revision: this.revision };
  }

  private commit(sid: string, workflow: IndexedWorkflow | null, announced: boolean): void {
    this.changes.set(sid, { revision: ++this.revision, workflow });
    const changed = { workflow_sid: sid, revision: this.revision, deleted: workflow === null };
    if (announced) this.bus.announce(change('workflow', sid), changed);
  }
}

@Controller()
class Door {
  constructor(private readonly shelf: Shelf) {}

  @Handle(workflowRevisions) revisions(p: Params<typeof workflowRevisions>) {
    return this.shelf.revisions(p);
  }

  @Handle(workflowUse) use() {
    return this.shelf.use;
  }
}

export interface RegistryDoor extends AsyncDisposable {
  shelf: Shelf;
  open(): Promise<void>;
  close(): Promise<void>;
}

export async function registryDoor(natsUrl: string): Promise<RegistryDoor> {
  const bus = await connectBus({ url: natsUrl, name: 'registry' });
  const shelf = new Shelf(bus);
  @Module({ controllers: [Door], providers: [{ provide: Shelf, useValue: shelf }] })
  class Registry {}
  let app: Awaited<ReturnType<typeof NestFactory.createMicroservice>> | undefined;
  const door = {
    shelf,
    async open() {
      const strategy = new BusServer(bus, { service: 'registry' });
      app = await NestFactory.createMicroservice(Registry, { strategy, logger: false, abortOnError: false });
      await app.listen();
    },
    async close() {
      await app?.close();
      app = undefined;
    },
    async [Symbol.asyncDispose]() {
      await door.close();
      await bus.drain();
    },
  };
  return door;
}
