"""Slots that are killed at a bad moment, or cannot be what they should be."""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

import _forkserver_executor
import pytest
from _forkserver_executor import Executor, NotStarted


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts a fork server in which these lines ran first."""

    def start(lines: str, **settings: Any) -> Executor:
        own = _forkserver_executor.STAND_IN.replace("hero_tracing.forkserver.main()", "")
        text = lines.replace("{", "{{").replace("}", "}}")
        monkeypatch.setattr(_forkserver_executor, "STAND_IN", f"{own}\n{text}\nhero_tracing.forkserver.main()\n")
        return Executor(**settings)

    return start


def arming(executor: Executor) -> Executor:
    if not executor.ready["arms"]:
        pytest.skip(f"this machine refuses {executor.ready['missing']}")
    return executor


def test_slots_that_die_while_orders_arrive_do_not_end_the_server() -> None:
    with Executor() as started:
        executor, chance = arming(started), random.Random(1)
        plays = [executor.arm("p") for _ in range(6)]
        for _ in range(25):
            killed, ordered = chance.sample(plays, 3), []
            for play in killed:
                executor.send({"t": "kill", "id": play.number})
                time.sleep(chance.choice([0, 0.0002, 0.001, 0.003]))  # kills meet deaths, and starts of other slots
                ordered.append(executor.order("q", None))
            for play in killed:
                plays.remove(play)
                assert play.exit()["why"] == "killed"
            for play in ordered:
                executor.lanes_of(play)
            plays += ordered


def test_a_slot_that_is_killed_when_its_play_has_just_ended_is_not_used_again() -> None:
    with Executor() as started:
        executor, chance = arming(started), random.Random(2)
        for _ in range(60):
            play = executor.arm("a")
            play.run("pass")
            time.sleep(chance.uniform(0, 0.004))
            executor.send({"t": "kill", "id": play.number})
            play.exit()
            after = executor.arm("b")  # NotStarted where it was put into the dying slot
            executor.send({"t": "kill", "id": after.number})
            after.exit()


def test_a_play_shares_no_memory_with_its_neighbours() -> None:
    with Executor() as started:
        executor = arming(started)
        neighbour, play = executor.arm("neighbour"), executor.arm("play")
        play.run("say([line for line in open('/proc/self/maps') if ' rw-s ' in line])")
        assert play.says() == []
        neighbour.run("say('ran')")
        assert neighbour.says() == "ran"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can do without user namespaces")
def test_nothing_is_armed_where_slots_cannot_be_used_again(patched: Any) -> None:
    without = "import hero_tracing._jail.jail as jail\njail._user_namespaces = lambda: False"
    with patched(without) as executor:
        assert executor.ready["arms"] is False
        play = executor.start("say('ran')", sid="p1")
        assert play.says() == "ran"


def test_a_kill_that_comes_with_its_order_is_not_lost_without_pid_namespaces(patched: Any) -> None:
    without = "import hero_tracing._jail.jail as jail\njail._own_pid_namespace = lambda jail, inside: None"
    with patched(without, sandbox="off") as executor:
        for _ in range(5):
            sent: list[dict[str, Any]] = []
            send, executor.send = executor.send, sent.append
            play = executor.order("a", "a")
            executor.send = send
            sent.append({"t": "kill", "id": play.number})
            executor.channel.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in sent))
            assert play.exit()["why"] == "killed"


def test_what_init_could_not_do_is_said(patched: Any) -> None:
    refusing = """
import hero_tracing._jail.sandbox as sandbox
def prepare(*_):
    raise OSError(1, "the mount of proc is refused")
sandbox.prepare = prepare
"""
    with patched(refusing) as executor:
        arming(executor)
        with pytest.raises(NotStarted, match="the mount of proc is refused"):
            executor.start("pass")
