"""Which steps run depends on remembered random numbers."""
# {"output": 8, "answers": {"look": 1}}
@flow
def main(log):
    path = []
    for n in range(8):
        if flow.random() < 0.5:
            path.append(effect(log, f"yes-{n}"))
        else:
            path.append(effect(log, f"no-{n}"))
    flow.pause("look")
    return len(path)
