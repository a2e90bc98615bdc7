"""A backoff over two seconds is a timer."""
# {"output": ["ok", "end"], "repeats": ["try"]}
@flow(retries=2, retry_delay=2.5, backoff=1, jitter=0)
def shaky(log):
    if note(log, "try") < 2:
        raise ConnectionError("again")
    return "ok"

@flow
def main(log):
    return [shaky(log), effect(log, "end")]
