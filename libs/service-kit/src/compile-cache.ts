import module from 'node:module';

/** What V8 made of each module is kept between starts, where Node can do so (22.1 and later). */
export function cacheCompiledCode(): void {
  const { enableCompileCache } = module as { enableCompileCache?: () => unknown };
  enableCompileCache?.();
}
