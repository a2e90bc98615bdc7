"""A pause that times out with a default."""
# {"output": ["none", "then-none"]}
@flow
def main(log):
    got = flow.pause("maybe", timeout=0.5, default="none")
    return [got, effect(log, f"then-{got}")]
