import { type CallContext, Handle } from '@hero/bus';
import type { Params, Result } from '@hero/contracts';
import { work } from './methods.js';

/** The compiler is the test: `npm run verify` type-checks this folder, and an expected error that is none fails it. */
export class Fits {
  @Handle(work)
  plain(_params: Params<typeof work>): Result<typeof work> {
    return { count: 1 };
  }

  @Handle(work)
  async withContext(_params: { key: string }, _context: CallContext): Promise<{ count: number }> {
    return { count: 1 };
  }

  // @ts-expect-error its result is not the contract's
  @Handle(work)
  wrongResult(_params: { key: string }): { count: string } {
    return { count: '1' };
  }

  // @ts-expect-error its parameter is not the contract's
  @Handle(work)
  wrongParameter(_params: { key: number }): { count: number } {
    return { count: 1 };
  }

  // @ts-expect-error it forgets its result
  @Handle(work)
  async nothing(_params: { key: string }): Promise<void> {}
}

it('a handler that does not fit its contract does not compile, and one that fits is found by Nest', () => {
  expect(Reflect.getMetadata('microservices:pattern', Fits.prototype.plain)).toEqual(['hero.registry.work']);
});
