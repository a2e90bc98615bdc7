"""Several pauses: three people are asked at the same time, and each is answered by itself, in any order."""

from hero_tracing import ask_user, flow


@flow
def review(person: str) -> dict:
    vote = ask_user.choice(f"{person}, what do you say?", ["yes", "no", "later"], name=f"vote_{person}")
    return {"person": person, "vote": vote}


@flow(name="example_votes")
def main(people: list[str]) -> dict:
    votes = flow.map(review, people)
    chair = ask_user.text("A word for the minutes?", name="minutes")  # is asked when all have voted
    return {"yes": [one["person"] for one in votes if one["vote"] == "yes"], "minutes": chair}


if __name__ == "__main__":
    from driver import connect, play_of, save

    with connect() as hero:
        people = ["ada", "grace", "mary"]
        sid = hero.play_start(workflow_name=save(hero, __file__), input_data={"people": people})["sid"]
        hero.play_wait(sid, until="settled")
        print("open:", [question["name"] for question in hero.play_pending_resumes(play_sid=sid)])

        # An answer that comes before its question is kept for it, so the order does not matter.
        hero.play_resume(sid, "unanimous, nearly", name="minutes")
        for person, vote in [("mary", "yes"), ("ada", "yes"), ("grace", "no")]:
            hero.play_resume(sid, vote, name=f"vote_{person}")

        play = play_of(hero, sid)
        assert play["output_data"] == {"yes": ["ada", "mary"], "minutes": "unanimous, nearly"}
        assert len(play["received_resumes"]) == 4
