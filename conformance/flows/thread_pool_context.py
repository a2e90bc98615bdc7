"""A ThreadPoolExecutor whose calls carry the context."""
# {"output": ["p-0", "p-1", "p-2", "p-3", "p-4", "p-5", "p-6", "p-7", "p-8", "p-9"], "answers": {"look": 1}}
@flow
def main(log):
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(contextvars.copy_context().run, effect, log, f"p-{n}") for n in range(10)]
        got = [future.result() for future in futures]
    flow.pause("look")
    return got
