"""Calls every method of the runtime by its generated Python client, against a running system (examples.test.ts starts it).

Arguments: the folder of the client, the gateway's unix socket. Fails if a method of the document was not called.
"""

import sys
from datetime import datetime, timezone
from typing import Any

sys.path.insert(0, sys.argv[1])
from hero_logic_client import HeroClient, HeroError

ASKING = """
from hero_tracing import flow

@flow
def step(n):
    return "x" * n

@flow(name="every method")
def main(n=1):
    long = step(n)
    if n == 13:
        raise ValueError("unlucky")
    return {"answer": flow.pause("go"), "long": long}
"""
called: set[str] = set()


class Counted(HeroClient):
    def call(self, method: str, params: Any = None, **options: Any) -> Any:
        called.add(method)
        return super().call(method, params, **options)


def code_of(failing: Any) -> str:
    try:
        failing()
    except HeroError as error:
        return error.code
    raise AssertionError("it did not fail")


with Counted(sys.argv[2]) as hero:
    document = hero.rpc_discover()
    assert hero.system_status()["services"]

    # Workflows and their versions.
    assert hero.workflow_inspect(ASKING)["name"] == "every method"
    workflow = hero.workflow_create("every method", ASKING, description="for the client", tags=["client"])
    sid = workflow["sid"]
    assert hero.workflow_get(name="every method") == hero.workflow_get(workflow_sid=sid)
    assert sid in [one["sid"] for one in hero.workflow_list(tag="client")["items"]]
    version = hero.workflow_create_version(sid, ASKING + "\n", set_current=False)
    assert [one["number"] for one in hero.workflow_version_list(sid)["items"]] == [2, 1]
    assert hero.workflow_version_fetch(version["sid"])["python_source"] == ASKING + "\n"
    assert hero.workflow_set_current_version(sid, version["sid"])["current_version_number"] == 2
    assert hero.workflow_update(sid, description="changed")["description"] == "changed"
    assert isinstance(hero.flow_library_search("client"), list)
    assert code_of(lambda: hero.workflow_get(name="no such workflow")) == "NOT_FOUND"

    # A play: from its start to its answer, and what can be read of it.
    play = hero.play_start(workflow_name="every method", input_data={"n": 200_000})["sid"]
    waiting = hero.play_wait(play, until="settled")
    assert waiting["status"] == "awaiting_resume"
    [question] = hero.play_pending_resumes(play_sid=play)
    assert hero.play_hook(play, question["id"])["path"].startswith("/hooks/resume/")
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert hero.span_push(play, {"type": "log", "at": at, "span_id": None, "text": "from outside", "stream": "log"})
    assert hero.play_resume(play, "now", name="go")["ok"]
    ended = hero.play_wait(play)
    assert ended["status"] == "success" and ended["output_data"] == {"answer": "now", "long": "x" * 200_000}
    assert hero.play_payload(play, "output") == ended["output_data"]
    status = hero.play_status(play, include=["spans", "step_outputs", "logs"])
    assert {span["name"] for span in status["spans"]} >= {"every method", "step", "go"}
    assert [step["name"] for step in status["step_outputs"]][:1] == ["step"]
    [step] = [span for span in hero.play_spans(play)["spans"] if span["name"] == "step"]
    assert hero.whole(play, step["output"]) == "x" * 200_000
    assert hero.play_events(play)["items"]
    assert [message["kind"] for message in hero.follow(play)] == ["snapshot", "end"]
    assert play in [one["sid"] for one in hero.play_list(workflow_sid=sid, status="success")["items"]]

    # Other ends.
    forked = hero.play_fork(play, from_span_id=step["id"], input_data={"n": 2})
    assert forked["forked_from"] is not None
    assert hero.play_cancel(forked["sid"], reason="enough")["status"] == "cancelled"
    unlucky = hero.play_run_async(workflow_sid=sid, input_data={"n": 13})
    assert hero.play_wait(unlucky)["status"] == "failed"
    assert hero.play_retry(unlucky)["status"] == "pending"
    assert hero.play_wait(unlucky)["error"]["message"] == "unlucky"
    assert code_of(lambda: hero.play_retry(play)) == "INVALID_STATE"
    assert hero.play_delete(unlucky) and code_of(lambda: hero.play_status(unlucky)) == "NOT_FOUND"
    assert hero.workflow_delete(sid, force=True)

missing = {method["name"] for method in document["methods"]} - called
assert not missing, f"never called: {sorted(missing)}"
print("methods called:", len(called))
