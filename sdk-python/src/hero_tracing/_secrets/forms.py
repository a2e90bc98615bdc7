"""The forms in which a secret may stand in a text, as the source of one regular expression.

The executor searches for the same ones (apps/executor/src/secrets/forms.ts); conformance/golden/secrets.json has the cases that both must meet.

Rules:
 1. As it is, with any characters of it escaped as in URLs, JSON (at any depth) or HTML.
 2. As base64 and base64url, also inside a longer text that was encoded with it; as hexadecimal digits.
 3. A value of several lines also counts line by line, because output is reported in lines.
 4. It is searched in time that grows with the text: a run of backslashes is tried from its first one only.
"""

from __future__ import annotations

import re
from base64 import b64encode

LEAST_LINE = 16  # a line of a secret that is shorter says too little to be recognised
_HTML = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_PLAIN = re.compile(r"[A-Za-z0-9_-]")
_ARMOR = re.compile(r"-----.*-----")
_PLUS = "(?:[+-]|%(?:25)*2[bB])"
_PARTS = re.compile(r"\\+|\r+|[^\\]")
# Rule 4. The backslashes before a character that is escaped; a run that belongs to what stands before is not theirs.
_RUN = r"(?:(?<!\\)\\+)?"
# The same where there must be one: of a run that belongs to what stands before, the last one.
_ESCAPE = r"(?:(?<!\\)\\+|\\)"
_SLASH = f"(?:{_RUN}[/]|_|%(?:25)*2[fF])"


def values_of(secret: str) -> list[str]:
    """The values that count as this secret: the value, and the long lines of one that has several (rule 3).

    >>> values_of("-----BEGIN KEY-----\\nMIIEvQIBADANBgkq\\nhkiG\\n-----END KEY-----")[1:]
    ['MIIEvQIBADANBgkq']
    """
    lines = [line.strip() for line in secret.split("\n")]
    if len(lines) == 1:
        return [secret]
    return [secret, *(line for line in lines if len(line) >= LEAST_LINE and not _ARMOR.fullmatch(line))]


def forms_of(value: str) -> list[str]:
    """The sources of regular expressions that find the value."""
    data = value.encode("utf-8", "surrogatepass")
    plain = "".join(
        _backslashes(len(part[0]), part.start() == 0) if part[0][0] == "\\" else _escaped(part[0])
        for part in _PARTS.finditer(value)
    )
    return [plain, *(_base64_at(data, offset) for offset in range(3)), _any_case(data.hex())]


def _backslashes(count: int, first: bool) -> str:
    """Backslashes of the secret itself. In one go: one by one, a run could be divided among them in very many ways."""
    units, url = f"{_ESCAPE}u005[cC]", _percent(b"\\")
    start = r"(?<!\\)" if first else ""
    return rf"(?:{start}\\{{{count},}}|(?:{units}){{{count}}}|(?:{url}){{{count}}})"


def _escaped(character: str) -> str:
    """One character, as it is or escaped."""
    if _PLAIN.fullmatch(character):
        return character
    if character == ".":
        return r"\."
    url = _percent(character[0].encode("utf-8", "surrogatepass"))
    if character == "\n":
        return rf"(?:\r?\n|(?:{_ESCAPE}r)?{_ESCAPE}n|(?:%0[dD])?{url})"
    if character[0] == "\r":  # also several
        return rf"(?:\r|{_ESCAPE}r|{url})*"
    if character == "\t":
        return rf"(?:\t|{_ESCAPE}t|{url})"
    pairs = character.encode("utf-16-be", "surrogatepass").hex()
    units = "".join(rf"{_ESCAPE}u{_any_case(pairs[at : at + 4])}" for at in range(0, len(pairs), 4))
    html = _HTML.get(character)
    code = ord(character)
    entities = "" if html is None else f"|&(?:{html}|#0*{code}|#[xX]0*{_any_case(f'{code:x}')});"
    plus = r"|\+" if character == " " else ""
    return rf"(?:{_RUN}{re.escape(character)}|{units}|{url}{plus}{entities})"


def _percent(data: bytes) -> str:
    """Percent-encoded, also several times."""
    return "".join(f"%(?:25)*{_any_case(f'{byte:02x}')}" for byte in data)


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def _base64_at(data: bytes, offset: int) -> str:
    """What every base64 text has that encodes these bytes after `offset` others (modulo 3): the digits that depend on nothing else."""
    digits = b64encode(bytes(offset) + data).decode()
    first, end = -(-offset * 8 // 6), (offset + len(data)) * 8 // 6
    return "".join(_PLUS if digit == "+" else _SLASH if digit == "/" else digit for digit in digits[first:end])
