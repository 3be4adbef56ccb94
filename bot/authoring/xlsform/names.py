"""What the questions of a form are called in a flow, and what each row of it says."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.authoring.xlsform.naming import LONGEST, Names
from bot.authoring.xlsform.remarks import Remarks
from bot.authoring.xlsform.rows import Form, Row
from bot.authoring.xlsform.types import FormType, read_type


@dataclass(frozen=True, slots=True)
class Named:
    """A row with its type, the form's name and ours."""

    row: Row
    type: FormType
    old: str
    name: str


def named_rows(form: Form, taken: Collection[str], remarks: Remarks) -> tuple[Named, ...]:
    """Return all rows that say anything, with their names; `taken` names mean something else."""
    names = Names(taken)
    found = []
    for row in form.survey:
        kind = read_type(row.get("type"))
        if not kind.name:
            if row.cells:
                what, why = "a row without a type", "it is a note of the form's author"
                remarks.add("survey", row.number, "type", "left out", what, why)
            continue
        if row.get("disabled").lower() in {"yes", "true", "true()"}:
            what, why = f"`{row.get('name')}` ({row.get('type')})", "the form has it switched off"
            remarks.add("survey", row.number, "type", "left out", what, why)
            continue
        if kind.name.startswith("end_"):
            found.append(Named(row, kind, "", ""))
            continue
        old = row.get("name") or f"note_{row.number}"
        start = "s" if kind.name == "begin_group" else "q"
        further = "_other" if kind.or_other else "_time" if kind.name == "dateTime" else ""
        name = names.give(old[: LONGEST - len(further)], start)
        if further:
            names.keep(f"{name}{further}")
        if name != old and row.get("name"):
            what = f"`{old}` is called `{name}`"
            what += "" if kind.name.startswith("begin") else ", its own name is kept as `code`"
            why = "names are small letters, digits and `_`, and never mean anything else"
            remarks.add("survey", row.number, "name", "changed", what, why)
        found.append(Named(row, kind, old, name))
    return tuple(found)


def lists_used(rows: tuple[Named, ...]) -> Iterator[str]:
    """Yield the choice lists that rows name."""
    for one in rows:
        if one.type.name in {"select_one", "select_multiple", "rank"}:
            yield one.type.list_name
