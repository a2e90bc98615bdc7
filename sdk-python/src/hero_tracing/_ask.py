"""`ask_user`: forms over `flow.pause`. The JSON Schema of each form enforces its limits on the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._canonical import dump
from ._errors import NotJson, OptionError
from ._pause import MISSING, pause


class AskUser:
    """Questions for a person. The play holds no process while it waits; in a coroutine they are awaited.

    The answer is given from outside under `name` (`play_resume`, `prefill_resumes`); by default the name is made from the label.
    After `timeout` seconds the answer is `default`, or PauseTimeout is raised. All raise OptionError for an empty label.

    >>> from hero_tracing import flow
    >>> from hero_tracing.testing import play
    >>> @flow
    ... def main():
    ...     return ask_user.text("Whom?", name="whom", timeout=60, default="nobody")
    >>> play(main).output
    'nobody'
    """

    def text(
        self,
        label: str,
        *,
        name: str | None = None,
        placeholder: str = "",
        multiline: bool = False,
        required: bool = True,
        max_length: int = 10_000,
        timeout: float | None = None,
        default: Any = MISSING,
    ) -> Any:
        """Asks for a text of at most `max_length` characters, and returns it; an empty one only with `required=False`.

        >>> from hero_tracing import flow
        >>> from hero_tracing.testing import play
        >>> play(flow(lambda: ask_user.text("Whom shall we greet?", name="whom")), answers={"whom": "Ada"}).output
        'Ada'
        """
        schema = {"type": "string", "minLength": 1 if required else 0, "maxLength": max_length}
        ui = {"placeholder": placeholder, "multiline": multiline}
        return _ask("text", label, name, schema, ui, timeout, default)

    def number(
        self,
        label: str,
        *,
        name: str | None = None,
        minimum: float | None = None,
        maximum: float | None = None,
        integer: bool = False,
        timeout: float | None = None,
        default: Any = MISSING,
    ) -> Any:
        """Asks for a number from `minimum` to `maximum`, and returns it; only a whole one with `integer=True`.

        Raises OptionError if no number fits.

        >>> from hero_tracing import flow
        >>> from hero_tracing.testing import play
        >>> play(flow(lambda: ask_user.number("How many?", minimum=1, integer=True)), answers={"how_many": 3}).output
        3
        """
        schema: dict[str, Any] = {"type": "integer" if integer else "number"}
        if minimum is not None:
            schema["minimum"] = minimum
        if maximum is not None:
            schema["maximum"] = maximum
        if minimum is not None and maximum is not None and minimum > maximum:
            raise OptionError("ask_user.number: minimum is above maximum, so no answer fits: exchange them")
        return _ask("number", label, name, schema, {}, timeout, default)

    def choice(
        self,
        label: str,
        options: Iterable[Any],
        *,
        name: str | None = None,
        timeout: float | None = None,
        default: Any = MISSING,
    ) -> Any:
        """Asks for one of the options, and returns it. An option is any JSON value, or `{"value": …, "label": "…"}`.

        Raises OptionError for no options, and for equal ones.

        >>> from hero_tracing import flow
        >>> from hero_tracing.testing import play
        >>> play(flow(lambda: ask_user.choice("Which one?", ["tea", "milk"])), answers={"which_one": "tea"}).output
        'tea'
        """
        shown, values = _options(options, "choice")
        return _ask("choice", label, name, {"enum": values}, {"options": shown}, timeout, default)

    def multi_choice(
        self,
        label: str,
        options: Iterable[Any],
        *,
        name: str | None = None,
        at_least: int = 0,
        at_most: int | None = None,
        timeout: float | None = None,
        default: Any = MISSING,
    ) -> Any:
        """Asks for some of the options, `at_least` to `at_most`, each at most once, and returns them as a list.

        Raises OptionError for no options, for equal ones, and for bounds that no answer fits.

        >>> from hero_tracing import flow
        >>> from hero_tracing.testing import play
        >>> play(flow(lambda: ask_user.multi_choice("Which?", ["tea", "milk"], at_least=1)), answers={"which": [["milk"]]}).output
        ['milk']
        """
        shown, values = _options(options, "multi_choice")
        most = len(values) if at_most is None else min(at_most, len(values))
        if not 0 <= at_least <= most:
            raise OptionError(
                "ask_user.multi_choice: at_least is above at_most or above the number of options: lower it"
            )
        schema = {
            "type": "array",
            "items": {"enum": values},
            "uniqueItems": True,
            "minItems": at_least,
            "maxItems": most,
        }
        return _ask("multi_choice", label, name, schema, {"options": shown}, timeout, default)

    def confirm(
        self, label: str, *, name: str | None = None, timeout: float | None = None, default: Any = MISSING
    ) -> Any:
        """Asks yes or no, and returns True or False.

        >>> from hero_tracing import flow
        >>> from hero_tracing.testing import play
        >>> play(flow(lambda: ask_user.confirm("Publish it?")), answers={"publish_it": True}).output
        True
        """
        return _ask("confirm", label, name, {"type": "boolean"}, {}, timeout, default)


ask_user = AskUser()


def _ask(
    kind: str,
    label: str,
    name: str | None,
    schema: dict[str, Any],
    ui: dict[str, Any],
    timeout: float | None,
    default: Any,
) -> Any:
    if not isinstance(label, str) or not label.strip():
        raise OptionError(f"ask_user.{kind}: the label is what the person reads, so it cannot be empty")
    return pause(
        name if name is not None else name_from(label),
        schema=schema,
        ui={"kind": kind, "label": label, **ui},
        timeout=timeout,
        default=default,
        what=f"ask_user.{kind}({label!r})",
    )


def name_from(label: str) -> str:
    """The default name of a question, made from its label.

    >>> name_from("Which one, please?")
    'which_one_please'
    """
    words = "".join(char.lower() if char.isalnum() else " " for char in label).split()
    return "_".join(words)[:60] or "question"


def _options(options: Iterable[Any], kind: str) -> tuple[list[dict[str, Any]], list[Any]]:
    shown: list[dict[str, Any]] = []
    for option in options:
        if isinstance(option, dict) and "value" in option:
            shown.append({"value": option["value"], "label": str(option.get("label", option["value"]))})
        else:
            shown.append({"value": option, "label": option if isinstance(option, str) else _shown(option)})
    if not shown:
        raise OptionError(f"ask_user.{kind}: there are no options to choose from: pass at least one, or do not ask")
    values = [option["value"] for option in shown]
    if len({_shown(value) for value in values}) < len(values):
        raise OptionError(
            f'ask_user.{kind}: two options are equal: remove one, or give each {{"value": …, "label": …}} a value of its own'
        )
    return shown, values


def _shown(value: Any) -> str:
    try:
        return dump(value, "option")
    except NotJson as error:
        raise OptionError(f"ask_user: {error}") from None
