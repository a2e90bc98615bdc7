/** Defines library-search as a service, and runs it when this file is the main module. */
import { defineService, runIfMain } from '@hero/service-kit';
import { Follower } from './follower.js';
import { LibrarySearchModule } from './library-search.module.js';
import { Meanings } from './meanings.js';
import { Searches } from './searches.js';
import { searchEnv } from './settings.js';

const librarySearch = defineService({
  name: 'library-search',
  dir: import.meta.dirname,
  env: searchEnv,
  module: LibrarySearchModule,
  start: async ({ app }) => {
    const follower = app.get(Follower);
    await follower.start();
    const searches = app.get(Searches);
    return {
      stop: () => app.get(Meanings).stop(),
      extraInfo: () => ({ healthy: follower.healthy, search: searches.state }),
    };
  },
});

export default librarySearch;

await runIfMain(import.meta, librarySearch);
