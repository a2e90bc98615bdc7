/** The bus methods of library-search. */
import { Handle } from '@hero/bus';
import { flowLibrarySearch, type Params } from '@hero/contracts';
import { Controller } from '@nestjs/common';
import { Searches } from './searches.js';

@Controller()
export class Handlers {
  constructor(private readonly searches: Searches) {}

  @Handle(flowLibrarySearch) search(p: Params<typeof flowLibrarySearch>) {
    return this.searches.search(p);
  }
}
