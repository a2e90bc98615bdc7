/** Defines library-search as a service, and runs it when this file is the main module. */
import { defineService, runIfMain } from '@hero/service-kit';
import { Follower } from './follower.js';
import { LibrarySearchModule } from './library-search.module.js';
import { Searches } from './searches.js';

const librarySearch = defineService({
  name: 'library-search',
  dir: import.meta.dirname,
  module: LibrarySearchModule,
  start: async ({ app }) => {
    const follower = app.get(Follower);
    await follower.start();
    const searches = app.get(Searches);
    return { extraInfo: () => ({ healthy: follower.healthy, search: searches.state }) };
  },
});

export default librarySearch;

await runIfMain(import.meta, librarySearch);
