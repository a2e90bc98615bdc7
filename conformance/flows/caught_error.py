"""A caught error is caught again in the replay."""
# {"output": ["7: so", 7, "so"], "answers": {"look": 1}}
class Odd(Exception):
    def __init__(self, code, *, why):
        super().__init__(f"{code}: {why}")
        self.code, self.why = code, why

@flow
def bad(log):
    note(log, "bad")
    raise Odd(7, why="so")

@flow
def main(log):
    try:
        bad(log)
    except Odd as error:
        told = [str(error), error.code, error.why]
    flow.pause("look")
    return told
