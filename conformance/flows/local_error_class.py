"""An error of a class that is defined inside of the flow."""
# {"output": "here", "answers": {"look": 1}}
@flow
def main(log):
    class Local(ValueError):
        pass

    @flow(name="bad")
    def bad():
        note(log, "bad")
        raise Local("here")

    try:
        bad()
    except ValueError as error:
        told = str(error)
    flow.pause("look")
    return told
