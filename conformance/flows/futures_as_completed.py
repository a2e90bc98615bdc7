"""concurrent.futures.as_completed with copied contexts."""
# {"output": ["done-f-0", "done-f-1", "done-f-2", "done-f-3", "done-f-4", "done-f-5"], "answers": {"look": 1}}
from concurrent.futures import as_completed

@flow
def main(log):
    got = []
    with ThreadPoolExecutor(3) as pool:
        futures = {pool.submit(contextvars.copy_context().run, effect, log, f"f-{n}"): n for n in range(6)}
        for future in as_completed(futures):
            got.append(effect(log, f"done-{future.result()}"))
    flow.pause("look")
    return sorted(got)
