"""A workflow that invokes itself in process."""
# {"output": ["level-2", "level-1", "level-0"], "answers": {"look": 1}}
@flow(name="{workflow}")
def main(log, n=2):
    got = effect(log, f"level-{n}")
    if n:
        return [got] + flow.invoke("{workflow}", log=log, n=n - 1)
    flow.pause("look")
    return [got]
