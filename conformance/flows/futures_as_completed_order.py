"""concurrent.futures.as_completed: what comes next depends on who was first."""
# {"output": "end", "answers": {"look": 1}}
from concurrent.futures import as_completed

@flow
def main(log):
    got = []
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(contextvars.copy_context().run, effect, log, f"f-{n}", 5) for n in range(6)]
        for future in as_completed(futures):
            got.append(effect(log, f"done-{len(got)}-{future.result()}", 5))
    flow.pause("look")
    return effect(log, "end")
