"""A question beside a long map, in threads."""
# {"output": ["qm-0", "qm-1", "qm-2", "t", "qm-4", "qm-5", "qm-6", "qm-7"], "answers": {"three": "t"}}
@flow
def main(log):
    @flow(name="one")
    def one(n):
        if n == 3:
            return ask_user.text("Three?", name="three")
        return effect(log, f"qm-{n}", ms=60)

    return flow.map(one, range(8), max_workers=3)
