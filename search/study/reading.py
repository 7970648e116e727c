"""A study file, a shipped study or a dict -> a Study; mistakes in the words of the file."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from search import components
from search.errors import StudyError, near_miss, one_of
from search.study.definition import Study
from search.study.resolving import resolve
from search.study.tables import (
    StudyFile,
)

STUDIES = components.ROOT / "studies"
NAMED_BY = {"trainer": "name", "proposer": "name", "stop": "rule"}
RULES = {
    "missing": "an entry; there is none",
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "too_short": "a table with one entry at least",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
}


def read(source: str | os.PathLike[str] | Mapping[str, Any], **overrides: Any) -> Study:
    """A shipped study's name, a file, or a dict.

    ``overrides``: dotted keys such as ``{"budget.trials": 8}``; None overrides nothing.
    """
    if isinstance(source, Mapping):
        return resolve(_validate({"name": "study", **source}, "study", overrides), "study", os.getcwd())
    path = find(source)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(str(source), expected="valid TOML", got=str(error)) from error
    return resolve(_validate({"name": path.stem, **table}, path.name, overrides), path.name, str(path.resolve().parent))


def shipped() -> list[str]:
    """The studies that come with the package."""
    return sorted(path.stem for path in STUDIES.glob("*.toml"))


def find(source: str | os.PathLike[str]) -> Path:
    """The file of a study: a path, or the name of a shipped one."""
    path = Path(source)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.is_file():
            raise StudyError(str(source), expected="a study file", got="no such file")
        return path
    if (STUDIES / f"{source}.toml").is_file():
        return STUDIES / f"{source}.toml"
    known = shipped()
    raise StudyError(
        f"study {str(source)!r}",
        expected=f"a .toml file or {one_of(known)}",
        hint=near_miss(str(source), known) or "A file is named with its ending: my-study.toml.",
    )


def schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    made = StudyFile.model_json_schema()
    made["required"].remove("name")  # the file's own name serves
    made["properties"]["trainer"] = {"anyOf": [{"type": "string"}, made["properties"]["trainer"]]}
    made["properties"]["stop"] = {"anyOf": [{"enum": ["off", False]}, made["properties"]["stop"]]}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **made, "title": "A study file"}


def _validate(table: Mapping[str, Any], file: str, overrides: Mapping[str, Any]) -> StudyFile:
    table = {key: dict(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    if isinstance(table.get("trainer"), str):  # trainer = "package.module:function"
        table["trainer"] = {"name": table["trainer"]}
    for dotted, value in overrides.items():
        if value is None:
            continue
        *outer, key = dotted.split(".")
        target = table
        for part in outer:
            target = target.setdefault(part, {})
        if isinstance(target, dict):  # otherwise the file has a mistake, which is found below
            target[key] = value
    if table.get("stop") in (False, "off"):
        table["stop"] = {"rule": "off"}
    try:
        return StudyFile.model_validate(table)
    except ValidationError as error:
        found = error.errors()
        misspelt = [each for each in found if each["type"] == "extra_forbidden"]  # says more than what is missing
        raise _explain((misspelt or found)[0], file) from None


def _explain(error: ErrorDetails, file: str) -> StudyError:
    """pydantic's first error in the words of the study file."""
    *tables, key = [str(part) for part in error["loc"]]
    plain = key not in StudyFile.model_fields or StudyFile.model_fields[key].annotation in (str, int, bool, list[str])
    where = f"{file} [{'.'.join(tables)}] {key}" if tables else f"{file} {key}" if plain else f"{file} [{key}]"
    if error["type"] == "extra_forbidden":  # of the whole file, [start], [budget] or [run]: the others are open
        model: Any = StudyFile.model_fields[tables[0]].annotation if tables else StudyFile
        model = next((each for each in get_args(model) if each is not NoneType), model)  # a table that may be left out
        known = list(model.model_fields)
        return StudyError(where, expected=one_of(known), got=key, hint=near_miss(key, known))
    rule = RULES.get(error["type"]) or error["msg"].removeprefix("Input should be ")
    if error["type"] == "string_pattern_mismatch":
        rule = "auto, cpu, mps, cuda or cuda:N" if key == "device" else "letters, digits, '.', '_' and '-', at most 64"
    got = None if error["type"] == "missing" else error["input"]
    short = key in NAMED_BY and isinstance(got, str)
    hint = f'Write {key} = {{{NAMED_BY[key]} = "{got}"}}.' if short else ""
    return StudyError(where, expected=rule, got=got, hint=hint)
