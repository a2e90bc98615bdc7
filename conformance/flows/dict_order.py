"""Keys that look like numbers keep their order."""
# {"output": [["10", "9", "a", "1"], ["10", "2", "b"]], "answers": {"keys": {"$text": "{\"10\":1,\"2\":2,\"b\":3}"}}}
@flow
def echo(log, value):
    note(log, "echo")
    return value

@flow
def main(log):
    value = {"10": 1, "9": 2, "a": 3, "1": 4}
    got = echo(log, value)
    answer = flow.pause("keys")
    return [list(got), list(answer)]
