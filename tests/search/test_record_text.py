"""Passwords never leave, names stay text."""

import html
import re

import pytest

from search.record import redact
from search.record.text import clean, key, markdown

SECRETS = ["s3cret", "s3/cr:et", "s3@cret", "s3%40cret", "s3?c#ret"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "shape", ["postgresql+psycopg://ann:{}@db:5432/x", "see 'http://ann:{}@host/#/a'", "a://:{}@b c://d:{}@e"]
)
def test_no_password_survives_in_any_url(secret: str, shape: str) -> None:
    said = redact(shape.format(secret, secret))
    assert secret not in said and "ann" not in said
    assert "***@" in said


def test_a_password_given_as_a_query_or_as_a_word_is_redacted_too() -> None:
    assert (
        redact("postgresql://db/x?user=a&password=p4ss&sslmode=on")
        == "postgresql://db/x?user=a&password=***&sslmode=on"
    )
    assert redact("host=db password=p4ss dbname=x") == "host=db password=*** dbname=x"


@pytest.mark.parametrize("text", ["sqlite:////home/a/x.db", "http://127.0.0.1:5000/#/a/1", "a@b.org", "error = 1"])
def test_what_holds_no_credentials_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_nested_plain_data_is_cleaned_everywhere() -> None:
    dirty = {"a": ["x://u:p@h", 1, None], "b": {"c": ("x://u:p@h",)}}
    assert clean(dirty) == {"a": ["x://***@h", 1, None], "b": {"c": ["x://***@h"]}}


@pytest.mark.parametrize(
    "name",
    ["a|b", "[x](http://y)", "<b>&amp;</b>", "`code`", "**bold**", "_em_ a_b", "# t", "www.x.y", "a\n\n|b", "![i](j)"],
)
def test_a_name_in_markdown_reads_as_itself_and_as_nothing_else(name: str) -> None:
    made = markdown(name)
    assert html.unescape(made) == " ".join(name.split())
    assert not re.search(r"[\\`*\[\]()|<>#!\n]|://|\bwww\.|(^|\W)_|_(\W|$)", re.sub(r"&(#\d+|lt|gt|amp);", "x", made))


@pytest.mark.parametrize("name", ["error", "kl_to_reference", "divergence.alpha.order", "rung/error", "größe", "a b-c"])
def test_a_name_that_mlflow_takes_is_its_own_key(name: str) -> None:
    assert key(name) == name


@pytest.mark.parametrize("name", ["100%", "a//b", "../a", "/a", ".", "", "a`b", "x" * 400, "a/./b", "a;drop"])
def test_any_other_name_becomes_one_that_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, path_not_unique, validate_param_and_metric_name

    made = key(name)
    assert made and validate_param_and_metric_name(made) and not path_not_unique(made)
    assert len(made) <= MAX_ENTITY_KEY_LENGTH


def test_two_names_that_clean_alike_stay_two() -> None:
    assert len({key("a%b"), key("a&b"), key("a_b")}) == 3
