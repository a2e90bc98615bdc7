"""An open connection (as of an HTTP client) does not keep questions behind a lock from being asked."""
# {"output": ["hello", "a", "b", "end"], "answers": {"c0": "a", "c1": "b"}}
@flow
async def main(log):
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=here)
    other_reader, other_writer = await asyncio.open_connection(sock=there)
    other_writer.write(b"hello\n")
    hello = (await reader.readline()).decode().strip()
    lock = asyncio.Lock()

    async def one(n):
        async with lock:
            return await ask_user.text(f"{n}?", name=f"c{n}")

    got = await asyncio.gather(one(0), one(1))
    writer.close()
    other_writer.close()
    return [hello] + got + [await async_effect(log, "end")]
