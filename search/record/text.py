"""What may be written: URLs without their passwords, markdown that stays text, names that MLflow takes."""

import hashlib
import html
import posixpath
import re
from collections.abc import Mapping
from typing import Any

USER = re.compile(r"://[^\s\"'<>]*@")  # up to the last @: a password may hold a slash or an @ itself
SECRET = re.compile(
    r"((?:^|[?&;\s])(?:password|passwd|pwd|token|secret|api_?key|sslpassword)=)[^&;\s\"'<>]+", re.IGNORECASE
)
MARKDOWN = re.compile(r"[\\`*{}\[\]()#|!~$@:\"']|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.")
NAME_MAX = 200


def redact(text: str) -> str:
    """``text`` with the credentials of every URL in it replaced by ``***``.

    >>> redact("postgresql://ann:s3/cr@t@db:5432/search?sslmode=on&password=x")
    'postgresql://***@db:5432/search?sslmode=on&password=***'
    """
    if "://" in text:
        text = USER.sub("://***@", text)
    return SECRET.sub(r"\1***", text) if "=" in text else text


def clean(value: Any) -> Any:
    """``redact`` for every text in nested plain data."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean(each) for each in value]
    return value


def markdown(text: object) -> str:
    """One line of plain text, as entities where markdown or HTML would read more into it.

    >>> markdown("a|b [x](y) kl_to_reference")
    'a&#124;b &#91;x&#93;&#40;y&#41; kl_to_reference'
    """
    one_line = " ".join(str(text).split())
    return MARKDOWN.sub(lambda found: f"&#{ord(found.group())};", html.escape(one_line, quote=False))


def key(name: str) -> str:
    """A name for a param, a metric or a tag: itself where MLflow takes it, otherwise cleaned and made unique by a hash.

    >>> key("divergence.alpha.order"), key("100%/x")
    ('divergence.alpha.order', '100_/x-e19e73')
    """
    made = re.sub(r"[^/\w.\- ]", "_", name)[:NAME_MAX]
    normal = posixpath.normpath(made)
    if normal != made or normal == "." or normal.startswith(("..", "/")):
        made = made.replace("/", "_").replace("..", "_").strip(". ") or "name"
    return made if made == name else f"{made}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
