"""Five hundred steps in sequence with a question in the middle."""
# {"output": 124757, "answers": {"more": 7}}
@flow
def tick(n):
    return n

@flow
def main(log):
    total = sum(tick(n) for n in range(250))
    total += flow.pause("more")
    effect(log, "middle")
    return total + sum(tick(n) for n in range(250, 500))
