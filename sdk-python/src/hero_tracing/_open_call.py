"""A flow call that really runs: its node, its span, and the steps that it commits."""

from __future__ import annotations

from contextvars import Token

from ._declare import Declaration
from ._memory import step_json
from ._node import Node, current, leave
from ._session import Session
from ._spans import Span


class OpenCall:
    """One call, from the opening of its node to its closing."""

    __slots__ = ("session", "declaration", "node", "key", "under", "committed", "sha256", "_counted", "_token")

    def __init__(self, session: Session, declaration: Declaration, node: Node) -> None:
        self.session = session
        self.declaration = declaration
        self.node = node
        self.key = session.step_key(node.place)
        self.under = node.known  # the place below which memory finds this call
        self.committed = False  # its outcome was committed while the body was still running
        self.sha256 = ""
        self._counted = False
        self._token: Token[Node] | None = None
        node.owner = self
        if declaration.memo and node.parent is not None:
            node.known = node.place

    @classmethod
    def below(cls, parent: Node, declaration: Declaration, place: str) -> OpenCall:
        session = parent.session
        span = Span(session, session.span_id(place), declaration.name)
        return cls(session, declaration, Node(session, parent, span, place, declaration.is_async))

    def open(
        self, parent_span_id: str | None, kind: str = "step", where: tuple[str | None, int | None] | None = None
    ) -> None:
        """Opens the node and its span; from now on the body runs in its context. `where`: file and line to show."""
        session, node = self.session, self.node
        if node.parent is not None:
            node.start()
        file, line, self.sha256 = session.sources.function_of(self.declaration.fn)
        file, line = where or (file, line)
        node.span.start(parent_span_id, kind, node.place, "{}", file, line)
        if session.always_replay and node.parent is not None:
            self._counted = True
            session.bodies.began()
        self._token = current.set(node)

    def leave(self) -> None:
        """Called when the body has ended: restores the caller's context."""
        leave(self._token)

    def step(self, kind: str, outcome: str) -> str:
        """The outcome for a `commit` frame."""
        node = self.node
        return step_json(
            node.place, self.under, self.key, node.span.id, self.declaration.name_json, kind, outcome, self.sha256
        )

    def close(self, cancelled: bool) -> None:
        """Closes the node. A cancelled call is no evidence of a divergence in the memory below it."""
        session = self.session
        if self._counted:
            session.bodies.ended()
        if not cancelled and not self.node.open and self.declaration.memo:
            session.memory.ended(self.node.place, self.declaration.name)
        self.node.close()
        if session.always_replay and self.declaration.memo:
            session.questions.replay_now()
