"""contextlib.suppress around a failing step."""
# {"output": "end", "answers": {"look": 1}}
import contextlib

@flow
def bad(log, n):
    note(log, f"bad-{n}")
    raise OSError(2, "no such file", "x.txt")

@flow
def main(log):
    for n in range(2):
        with contextlib.suppress(FileNotFoundError):
            bad(log, n)
    flow.pause("look")
    return effect(log, "end")
