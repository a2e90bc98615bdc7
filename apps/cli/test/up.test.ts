/** `npm start` and what ends it. */
import { HeroHome } from './hero-home.js';

describe('npm start', () => {
  it('plays welcome through a pause and its replay in an empty home, and ends with 0; a second time too', async () => {
    await using home = await HeroHome.make();
    for (const version of ['created', 'unchanged']) {
      const { code, out, err } = await home.npm('start', '--', '--once');
      expect(out + err).toContain(`flow welcome: ${version}`);
      expect(out).toMatch(/welcome success after .*, 2 attempts/);
      expect(out).toContain('its process has gone (awaiting_resume)');
      expect(code).toBe(0);
    }
  }, 240_000);

  it('ends in order on SIGTERM during the welcome play', async () => {
    await using home = await HeroHome.make();
    const up = home.start('up', '--welcome');
    await up.line(/^plays welcome/);
    const { code, out } = await up.kill('SIGTERM');
    expect([code, out]).toEqual([130, expect.stringContaining('stopping')]);
    expect(out).not.toContain('welcome success');
    expect((await home.run('down')).out).toContain('nothing runs');
  }, 120_000);

  it('works again right after a kill -9 of its supervisor', async () => {
    await using home = await HeroHome.make();
    const first = home.start('up');
    await first.line(/^JSON-RPC/);
    await first.kill('SIGKILL');
    const { code, out } = await home.run('up', '--once');
    expect([code, out]).toEqual([0, expect.stringContaining('welcome success')]);
  }, 240_000);
});
