/**
 * Names the test run to its workers: test servers are shared within it and end with it (see src/run-folder.ts). The search goes by words
 * in tests that do not ask for more, so that no test fetches a model.
 */
export default function nameTheRun() {
  process.env.HERO_TEST_RUN = String(process.pid);
  process.env.HERO_EMBEDDINGS ??= 'off';
}
