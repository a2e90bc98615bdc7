"""A dataclass as an error, with what JSON cannot carry; it is caught by its class and read by its attributes."""
# {"output": [404, ["a", "b"], null, "Refused(code=404, tags=['a', 'b'], reply=None)"], "answers": {"look": 1}}
import dataclasses

@dataclasses.dataclass
class Refused(Exception):
    code: int
    tags: list
    reply: object

@flow
def bad(log):
    note(log, "bad")
    raise Refused(code=404, tags=["a", "b"], reply=object())

@flow
def main(log):
    try:
        bad(log)
    except Refused as error:
        told = [error.code, error.tags, error.reply, repr(error)]
    flow.pause("look")
    return told
