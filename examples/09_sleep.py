"""Sleep: up to two seconds the process stays; a longer sleep is a timer of the registry, and the play gives its slot back."""

from datetime import timedelta

from hero_tracing import flow


@flow
def stamp(what: str) -> str:
    return what


@flow(name="example_sleep")
def main(seconds: float) -> dict:
    began = flow.now()  # remembered: a replay sees the same time
    stamp("before")
    flow.sleep(0.1)
    flow.sleep(seconds)
    flow.sleep_until(began + timedelta(seconds=seconds))  # has passed, and returns immediately
    return {"before": stamp("before"), "after": stamp("after")}


if __name__ == "__main__":
    from driver import connect, event, play_of, save, show

    with connect() as hero:
        name = save(hero, __file__)
        play = play_of(hero, hero.play_start(workflow_name=name, input_data={"seconds": 2.5})["sid"])
        assert play["output_data"] == {"before": "before", "after": "after"}

        # A sleep can last for months. This one is seen while it waits, and then cancelled.
        sid = hero.play_start(workflow_name=name, input_data={"seconds": 90 * 86_400})["sid"]
        event(hero, sid, "status", status="awaiting_resume")
        [timer] = hero.play_status(sid)["waits"]
        print("sleeps until", timer["due_at"])
        assert timer["kind"] == "timer" and timer["due_at"] is not None
        play = hero.play_cancel(sid, reason="the example is over")
        show(hero, sid)
        assert play["status"] == "cancelled"
