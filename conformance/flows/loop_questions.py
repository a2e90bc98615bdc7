"""The same question in a loop is asked again and again."""
# {"output": ["m", "m", "m", "m"], "answers": {"more": "m"}}
@flow
def main(log):
    got = []
    for n in range(4):
        got.append(ask_user.text("More?", name="more"))
        effect(log, f"l-{n}")
    return got
