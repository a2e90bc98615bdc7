"""A pause that times out without a default raises, the same in a replay."""
# {"output": "PauseTimeout", "answers": {"look": 1}}
@flow
def main(log):
    try:
        got = flow.pause("maybe", timeout=0.5)
    except TimeoutError as error:
        got = type(error).__name__
    effect(log, f"then-{got}")
    flow.pause("look")
    return got
