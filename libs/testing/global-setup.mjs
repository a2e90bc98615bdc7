/** Names the test run to its workers: test servers are shared within it and end with it (see src/run-folder.ts). */
export default function nameTheRun() {
  process.env.HERO_TEST_RUN = String(process.pid);
}
