"""Pause and resume: the play waits for a person without a process, and continues with what it remembers."""

from hero_tracing import ask_user, flow


@flow
def polish(text: str) -> str:
    flow.current_span.log("polishing")  # is written once: the second process does not run this step
    return text.strip().capitalize() + "."


@flow(name="example_pause")
def main(draft: str) -> dict:
    text = polish(draft)
    if not ask_user.confirm(f"Publish “{text}”?", name="publish"):
        raise flow.Failed("not published")
    return {"published": text}


if __name__ == "__main__":
    from driver import HeroError, connect, play_of, save, span_of

    with connect() as hero:
        started = hero.play_start(workflow_name=save(hero, __file__), input_data={"draft": " hello world"})
        sid = started["sid"]
        play = hero.play_wait(sid, until="settled")
        assert play["status"] == "awaiting_resume"  # no process, no slot, for days if need be
        [question] = play["pending_resumes"]
        print("it asks:", question["ui"])

        try:  # an answer is checked before the play wakes
            hero.play_resume(sid, "perhaps", name="publish")
        except HeroError as error:
            assert error.code == "INVALID_PARAMS"
        else:
            raise AssertionError("a text is neither yes nor no")

        hero.play_resume(sid, True, name="publish")
        play = play_of(hero, sid)
        assert play["output_data"] == {"published": "Hello world."}
        assert play["attempt"] > started["attempt"]
        [step] = span_of(hero, sid, "polish")
        assert step["status"] == "replayed"  # its result came from memory
        assert [log["text"] for log in step["logs"]] == ["polishing"]
