"""The shape of flow files as a JSON Schema, by which editors complete and check them.

Made of the models in schema.py. An editor takes `1` for a number and `true` for a truth value where
our reader sees their text, so that each kind of value is allowed in the other's form too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from bot.flow.schema.files import KINDS
from bot.flow.schema.validate import A_BLOCK

_REFERENCE = "#/definitions/{model}"
_INTEGER = r"^[+-]?\d+$"
_NUMBER = r"^[+-]?\d+(\.\d+)?$"
_TRUTH = "^([Tt]rue|[Ff]alse|[Yy]es|[Nn]o|[Oo]n|[Oo]ff|[01])$"
_TIME = r"^\d\d:\d\d(:\d\d)?$"


def json_schema() -> dict[str, Any]:
    """Return the schema of any file of a survey: `kind` says which of them it is."""
    models = [(model, "validation") for model in KINDS.values()]
    made, found = models_json_schema(models, ref_template=_REFERENCE)  # type: ignore[arg-type]
    kinds = {kind: made[model, "validation"] for kind, model in KINDS.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A file of a Tautan survey",
        **_chosen("kind", kinds),
        "definitions": {name: _plain(one) for name, one in found["$defs"].items()},
    }


def json_schema_text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"


def _chosen(key: str, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that goes by what one key says: its errors are about that one alone."""
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(schemas)}},
        "allOf": [
            {"if": {"required": [key], "properties": {key: {"const": value}}}, "then": schema}
            for value, schema in schemas.items()
        ],
    }


def _plain(schema: Any) -> Any:
    """Return pydantic's schema in the words of editors, and with the values as these read them."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema:
        by = schema["discriminator"]
        references = {value: {"$ref": ref} for value, ref in by["mapping"].items()}
        block = references.pop(A_BLOCK, None)
        chosen = _chosen(by["propertyName"], references)
        if block is None:
            return chosen
        return {"if": {"required": ["block"]}, "then": block, "else": chosen}
    if "properties" in schema:
        schema = _without_hidden(schema)
    kept = {
        key: {name: _plain(one) for name, one in value.items()}
        if key in {"properties", "patternProperties"}
        else value
        if key == "default"
        else _plain(value)
        for key, value in schema.items()
        if key != "title" and not (key == "default" and value is None)
    }
    return _lenient(_without_null(kept))


def _without_hidden(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out keys that nobody writes: what tells a block apart, and what can only be nothing."""
    hidden = {
        name
        for name, one in schema["properties"].items()
        if one.get("const") == A_BLOCK or one.get("type") == "null"
    }
    kept = {name: one for name, one in schema["properties"].items() if name not in hidden}
    required = [name for name in schema.get("required", ()) if name not in hidden]
    return {**schema, "properties": kept, "required": required}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out that something may be null: who does not want a key does not write it."""
    some = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(some) == len(schema.get("anyOf", ())):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**some[0], **rest} if len(some) == 1 else {"anyOf": some, **rest}


def _lenient(schema: dict[str, Any]) -> dict[str, Any]:
    match schema.get("type"):
        case "object" if "patternProperties" in schema:
            # A limit of the text before it became a table.
            least = {"minProperties": schema.pop("minLength")} if "minLength" in schema else {}
            return {"additionalProperties": False, **schema, **least}
        case "integer":
            return {**schema, "type": ["integer", "string"], "pattern": _INTEGER}
        case "number":
            return {**schema, "type": ["number", "string"], "pattern": _NUMBER}
        case "boolean":
            return {**schema, "type": ["boolean", "string"], "pattern": _TRUTH}
        case "string" if schema.get("format") == "time":
            return {"type": "string", "pattern": _TIME}
        case "string" if not {"format", "enum", "const"} & schema.keys():
            return {**schema, "type": ["string", "number", "boolean"]}
    return schema
