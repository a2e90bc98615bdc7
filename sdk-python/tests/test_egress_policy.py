"""Which hosts and addresses plays may reach, with an injected resolver: no name is looked up here."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable

import pytest

from hero_tracing._egress.addresses import host_of, is_own, why_not_public
from hero_tracing._egress.policy import Entry, Policy, Refusal, matches

PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]  # fmt: skip
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2002:808:808::", "2001::1", "2001:db8::1", "3fff::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1", "5f00::1", "2606:4700::5efe:a00:1", "2606:4700::200:5efe:7f00:1",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_public(text: str) -> None:
    assert why_not_public(ipaddress.ip_address(text)) is None


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_every_other_address_is_not(text: str) -> None:
    assert why_not_public(ipaddress.ip_address(text))


def test_a_host_has_one_spelling() -> None:
    spelled = {
        "Example.ORG.": "example.org",
        "[2001:DB8:0::1]": "2001:db8::1",
        "10.0.0.1": "10.0.0.1",
        "a_b.c": "a_b.c",
    }
    assert {text: host_of(text) for text in spelled} == spelled


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "a..b", "-a", "a b", "a/b", "ex\u00e4mple.org", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
        "017700000001", "127.0.0.01", "1.2.3.4.5", "256.1.1.1", "example.0x10", "example.1", "0", "0x", "fe80::1%eth0",
        "[fe80::1%25lo]", "[127.0.0.1]", "[::1", "a@b", "x" * 254, "\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021",
    ],
)  # fmt: skip
def test_what_resolvers_could_read_in_two_ways_is_no_host(text: str) -> None:
    with pytest.raises(ValueError):
        host_of(text)


def test_an_address_of_this_machine_is_known() -> None:
    assert is_own(ipaddress.ip_address("127.0.0.1"))
    assert not is_own(ipaddress.ip_address("203.0.113.9"))


class Names:
    """A resolver that gives out what it was given, one answer after the other; the last one for good."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        left = self.answers[host]
        return left.pop(0) if len(left) > 1 else left[0]


def reached(policy: Policy, host: str, port: int, narrowed: Iterable[str] | None = None) -> list[str]:
    return [str(address) for address in asyncio.run(policy.addresses(host, port, narrowed))]


def policy(names: Names, *entries: str, public: bool = True, own: tuple[str, ...] = ()) -> Policy:
    return Policy(public, [Entry.of(entry) for entry in entries], names, lambda address: str(address) in own)


def test_public_means_web_ports_of_public_addresses() -> None:
    names = Names(api_example=[["8.8.8.8", "2606:4700::1"]])
    assert reached(policy(names), "api.example", 443) == ["8.8.8.8", "2606:4700::1"]
    assert reached(policy(names), "8.8.8.8", 80) == ["8.8.8.8"]
    for port in (22, 25, 5432, 8080):
        with pytest.raises(Refusal, match=f"name api.example:{port} in HERO_EGRESS"):
            reached(policy(names), "api.example", port)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_one_address_that_is_not_public_refuses_the_name(address: str) -> None:
    names = Names(evil_example=[["8.8.8.8", address]])
    with pytest.raises(Refusal, match=r"its name leads to .* address") as refused:
        reached(policy(names), "evil.example", 443)
    assert address not in str(refused.value), "the play learns nothing of the inner network"


def test_the_machines_own_public_address_is_refused() -> None:
    names = Names(me_example=[["8.8.8.8"]])
    with pytest.raises(Refusal, match="this machine's own"):
        reached(policy(names, own=("8.8.8.8",)), "me.example", 443)


def test_a_name_that_nobody_granted_is_not_looked_up() -> None:
    names = Names()
    for port in (443, 5432):
        with pytest.raises(Refusal):
            reached(policy(names, "db.internal:5432", public=False), "other.internal", port)
    with pytest.raises(Refusal, match="@flow"):
        reached(policy(names), "other.example", 443, ["api.example"])
    assert names.asked == []


def test_a_name_is_resolved_once_for_a_connection() -> None:
    names = Names(rebinding_example=[["8.8.8.8"], ["127.0.0.1"]])
    assert reached(policy(names), "rebinding.example", 80) == ["8.8.8.8"]
    assert names.asked == ["rebinding.example"]
    with pytest.raises(Refusal):
        reached(policy(names), "rebinding.example", 80)


def test_a_named_entry_may_be_private_and_on_any_port() -> None:
    names = Names(db_internal=[["10.0.0.5"]])
    allowed = policy(names, "db.internal:5432", "127.0.0.1:8080", "[fd00::5]:80", public=False)
    assert reached(allowed, "db.internal", 5432) == ["10.0.0.5"]
    assert reached(allowed, "127.0.0.1", 8080) == ["127.0.0.1"]
    assert reached(allowed, "fd00::5", 80) == ["fd00::5"]
    for host, port in (("db.internal", 5433), ("10.0.0.5", 5432), ("127.0.0.1", 80)):
        with pytest.raises(Refusal):
            reached(allowed, host, port)


def test_a_named_entry_keeps_the_private_addresses_that_it_had_at_first() -> None:
    names = Names(db_internal=[["10.0.0.5", "10.0.0.6"], ["10.0.0.6"], ["127.0.0.1"], ["8.8.8.8"]])
    allowed = policy(names, "db.internal:5432")
    asyncio.run(allowed.pin())
    assert reached(allowed, "db.internal", 5432) == ["10.0.0.6"]
    with pytest.raises(Refusal, match="another private address"):
        reached(allowed, "db.internal", 5432)
    assert reached(allowed, "db.internal", 5432) == ["8.8.8.8"]


def test_a_named_entry_never_leads_to_metadata() -> None:
    with pytest.raises(Refusal, match="link-local"):
        reached(policy(Names(x_internal=[["169.254.169.254"]]), "x.internal:80"), "x.internal", 80)


@pytest.mark.parametrize(
    ("pattern", "host", "port", "by_public", "covered"),
    [
        ("public", "a.example", 443, True, True),
        ("public", "a.example", 443, False, False),
        ("A.Example", "a.example", 8080, False, True),
        ("a.example:443", "a.example", 443, True, True),
        ("a.example:443", "a.example", 80, True, False),
        ("*.example", "a.b.example", 443, True, True),
        ("*.example", "example", 443, True, False),
        ("*.example", "badexample", 443, True, False),
        ("*.0.1", "127.0.0.1", 443, True, False),
        ("[fd00::5]:80", "fd00::5", 80, False, True),
        ("fd00::5", "fd00::5", 80, False, True),
        ("host", "a.example", 443, True, False),
    ],
)
def test_a_flow_narrows_by_host_and_port(pattern: str, host: str, port: int, by_public: bool, covered: bool) -> None:
    assert matches(pattern, host, port, by_public) is covered


def test_a_flow_that_declares_only_public_reaches_a_named_host_as_any_other_one() -> None:
    names = Names(broker_example=[["8.8.8.8"]], inner_example=[["10.0.0.5"]])
    allowed = policy(names, "broker.example:443", "inner.example:443", "broker.example:8443")
    assert reached(allowed, "broker.example", 443, ["public"]) == ["8.8.8.8"]
    assert reached(allowed, "inner.example", 443, ["public", "inner.example"]) == ["10.0.0.5"]
    with pytest.raises(Refusal, match=r"private address; add 'inner.example:443' to @flow"):
        reached(allowed, "inner.example", 443, ["public"])
    for among, port in ((allowed, 8443), (policy(names, "broker.example:443", public=False), 443)):
        with pytest.raises(Refusal, match="does not declare it"):
            reached(among, "broker.example", port, ["public"])


def test_a_flow_cannot_widen() -> None:
    names = Names(db_internal=[["10.0.0.5"]])
    with pytest.raises(Refusal, match="HERO_EGRESS"):
        reached(policy(names), "db.internal", 5432, ["db.internal:5432", "public"])
    with pytest.raises(Refusal):
        reached(policy(names), "db.internal", 443, ["db.internal"])
    with pytest.raises(Refusal, match="@flow"):
        reached(policy(names, "db.internal:5432"), "db.internal", 5432, [])
