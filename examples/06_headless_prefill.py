"""Without people: the answers are given when the play starts, and a question without an answer fails it immediately."""

from hero_tracing import ask_user, flow


@flow
def grade(essay: str) -> float:
    return ask_user.number(f"The grade of {essay!r}?", name=f"grade_{essay}")


@flow(name="example_headless")
def main(essays: list[str]) -> dict:
    grades = [grade(essay) for essay in essays]
    if not ask_user.confirm("Send them?", name="send"):
        raise flow.Failed("not sent")
    return {"mean": sum(grades) / len(grades)}


if __name__ == "__main__":
    from driver import connect, play_of, save

    with connect() as hero:
        name = save(hero, __file__)
        essays = {"essays": ["dogs", "cats"]}

        # By name, or by a glob; a list is used up in order.
        answers = {"grade_*": [1.5, 2.5], "send": True}
        started = hero.play_start(workflow_name=name, input_data=essays, prefill_resumes=answers)
        play = play_of(hero, started["sid"])
        assert play["status"] == "success" and play["output_data"] == {"mean": 2.0}

        # Nobody would see the question, so the play does not wait for it.
        started = hero.play_start(workflow_name=name, input_data=essays, prefill_resumes={"grade_*": [1, 2]})
        play = play_of(hero, started["sid"])
        assert play["status"] == "failed" and play["error"] is not None
        print(play["error"]["message"])
        assert "send" in play["error"]["message"]
