"""flow.sleep_until and a sleep in each of several branches."""
# {"output": ["nap-0", "nap-1"]}
import datetime

@flow
async def main(log):
    async def nap(n):
        await flow.sleep(2.2 + n / 10)
        return await async_effect(log, f"nap-{n}")

    await flow.sleep_until(flow.now() + datetime.timedelta(seconds=2.1))
    return await asyncio.gather(nap(0), nap(1))
