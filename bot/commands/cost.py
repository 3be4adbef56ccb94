"""`tautan cost`: what one interview of a survey costs, before anybody is asked."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from bot.commands.common import JSON, fail, faults, out, report, table
from bot.commands.flows import survey_folder, survey_in

if TYPE_CHECKING:
    from rich.table import Table

    from bot.flow.rehearsal.billing import Bill, Total
    from bot.flow.settings import Rates, Settings


def cost(
    survey: str = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path."),
    group: str = typer.Argument(..., help="Whose questions: a group of the survey."),
    people: int = typer.Option(
        0, "--people", min=0, help="Also for so many finished interviews, with the free messages."
    ),
    as_json: bool = JSON,
) -> None:
    """Count the messages of one interview, and what they cost at the survey's `rates`."""
    from bot.flow.rehearsal.billing import bill

    with faults():
        compiled = survey_in(survey_folder(survey))
        if group not in compiled.settings.groups:
            fail(f"no group {group!r}; there are: {', '.join(compiled.settings.groups)}")
        try:
            counted = bill(compiled, group)
        except ValueError as problem:
            fail(f"{group}: {problem}; look at its `end_if`")
        shown = _Shown(compiled.settings, group, counted, people)
        report(as_json, shown.to_dict(), shown.show)


class _Shown:
    """One bill, for a program and for a person."""

    def __init__(self, settings: Settings, group: str, bill: Bill, people: int) -> None:
        self._settings = settings
        self._rates = settings.rates
        self._group = group
        self._bill = bill
        self._people = people
        self._talks = {"shortest": bill.shortest, "typical": bill.typical, "longest": bill.longest}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data; money as texts, to the last digit."""
        from bot.flow.rehearsal.billing import price

        rates = self._rates
        interview = {name: asdict(talk) for name, talk in self._talks.items()}
        value: dict[str, Any] = {
            "survey": self._settings.name,
            "group": self._group,
            "proved": self._bill.proved,
            "interview": interview,
            "mistake": asdict(self._bill.mistake),
            "templates": {who: list(steps) for who, steps in self._cases().items()},
            "rates": None if rates is None else {name: str(v) for name, v in _plain(rates)},
        }
        if rates is not None:
            for name, talk in self._talks.items():
                interview[name]["price"] = str(price(talk, rates))
                interview[name]["naive_price"] = str(price(talk, rates, naive=True))
            if self._people:
                value["total"] = _texts(asdict(self._total(rates)))
        return value

    def show(self) -> None:
        """Print tables."""
        rates, mistake = self._rates, self._bill.mistake
        self._interviews()
        self._invitations()
        out.print(
            f"An answer that cannot be read adds {mistake.received} received and {mistake.sent}"
            f" sent (naive: {mistake.naive}). Who comes by a link or poster costs no invitation.",
            soft_wrap=True,
        )
        if not self._bill.proved:
            out.print(
                "Not every way could be tried: shorter and longer ones may exist.", style="yellow"
            )
        if rates is None:
            out.print(
                "For money, write `rates` into survey.yaml (flows/README.md says how).",
                style="yellow",
            )
            return
        self._say_free(rates)
        if self._people:
            self._say_total(self._total(rates), rates)

    def _cases(self) -> dict[str, tuple[str, ...]]:
        return {
            "invited, answers at once": ("invite",),
            "invited, never begins": self._bill.never_began,
            "invited, begins and stops": self._bill.stopped,
        }

    def _interviews(self) -> None:
        from bot.flow.rehearsal.billing import price

        rates = self._rates
        columns = ["way", "questions", "in", "out", "taps", "naive"]
        rows: list[list[Any]] = []
        for name, talk in self._talks.items():
            row: list[Any] = [name, talk.questions, talk.received, talk.sent, talk.taps, talk.naive]
            if rates is not None:
                row.append(money(price(talk, rates), rates, fine=True))
                row.append(money(price(talk, rates, naive=True), rates, fine=True))
            rows.append(row)
        if rates is not None:
            columns += ["cost", "naive cost"]
        title = f"One finished interview: {self._settings.name}, {self._group}"
        out.print(_right(table(title, columns, rows), 0 if rates is None else 2))
        out.print(
            "in: received; out: sent; taps: those of them that can have buttons or a list, at the"
            " same price; naive: with every note and thanks in a bubble of its own.\n",
            soft_wrap=True,
        )

    def _invitations(self) -> None:
        from bot.flow.rehearsal.billing import template_price

        rates = self._rates
        columns = ["who", "templates", "which"]
        rows: list[list[Any]] = []
        for who, steps in self._cases().items():
            row: list[Any] = [who, len(steps), ", ".join(steps)]
            for marketing in (False, True) if rates is not None else ():
                assert rates is not None
                cost = template_price(rates, len(steps), marketing=marketing)
                row.append(money(cost, rates, fine=True))
            rows.append(row)
        if rates is not None:
            columns += ["as utility", "as marketing"]
        made = table("Invitation and reminders come on top", columns, rows)
        out.print(_right(made, 0 if rates is None else 2))
        out.print("WhatsApp decides which of the two a template is.\n", soft_wrap=True)

    def _say_free(self, rates: Rates) -> None:
        if rates.free_service:
            free = rates.free_service // max(1, self._bill.typical.sent)
            out.print(
                f"Of each month's messages {number(rates.free_service)} are free of WhatsApp's"
                f" price, about {number(free)} typical interviews; the tables count none as free.",
                soft_wrap=True,
            )

    def _say_total(self, all_of_them: Total, rates: Rates) -> None:
        many = all_of_them
        out.print(
            f"{number(many.people)} typical interviews: {number(many.sent)} sent"
            f" ({number(many.free)} free of WhatsApp's price in {many.months} months),"
            f" {number(many.received)} received: {money(many.price, rates)}",
            soft_wrap=True,
            style="bold",
        )

    def _total(self, rates: Rates) -> Total:
        from bot.flow.rehearsal.billing import total

        return total(self._bill.typical, self._people, self._settings, rates)


def _right(made: Table, count: int) -> Table:
    """Put the last columns, which hold money, to the right."""
    for column in made.columns[len(made.columns) - count :]:
        column.justify = "right"
    return made


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    return {name: str(v) if isinstance(v, Decimal) else v for name, v in values.items()}


def _plain(rates: Rates) -> list[tuple[str, Any]]:
    return [(name, getattr(rates, name)) for name in type(rates).__slots__]


def money(amount: Decimal, rates: Rates, *, fine: bool = False) -> str:
    """Return an amount as Indonesians write it; `fine` keeps fractions of a cent."""
    from babel.numbers import format_currency, get_currency_precision

    digits = get_currency_precision(rates.currency)
    if rates.currency == "IDR":  # nobody counts in sen
        digits = 0
    elif fine:
        digits += 2
    exact = amount.quantize(Decimal(1).scaleb(-digits))
    pattern = "¤#,##0" + ("." + "0" * digits if digits else "")
    return format_currency(exact, rates.currency, pattern, locale="id", currency_digits=False)


def number(count: int) -> str:
    """Return a whole number as Indonesians write it."""
    from babel.numbers import format_decimal

    return format_decimal(count, locale="id")
