"""`tautan links`, `posters`, `mail`: the ways by which people come."""

from __future__ import annotations

import re
import time as clock
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperGroup

from bot.commands.common import JSON, err, fail, opened, out, report, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.outreach.ledger import Ledger
    from bot.outreach.link_files import Format
    from bot.outreach.links import LinksReport
    from bot.outreach.mail.mailing import MailPlan, MailReport
    from bot.outreach.mail.smtp import Postman
    from bot.outreach.posters import PictureForm, PostersReport
    from bot.printing.posters import PosterForm
    from bot.service import Service

_E164 = re.compile(r"\+?[1-9]\d{6,14}")

SURVEY = typer.Argument(..., help="The survey's name.")
UNITS = typer.Option([], "--unit", help="list:code; all units if not given.")
GROUPS = typer.Option([], "--group", help="All groups if not given.")
CAP = typer.Option(None, "--cap", min=1, help="At most this many starts.")
EXPIRES = typer.Option(
    None, "--expires", formats=["%Y-%m-%d"], help="Last day, in the survey's zone."
)
NUMBER = typer.Option("", "--number", help="Our WhatsApp number, if Twilio is not set.")


class _MakesByDefault(TyperGroup):
    """`tautan links SURVEY` is `tautan links make SURVEY`."""

    default = "make"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name before what is not one."""
        if args and args[0] not in self.commands and args[0] not in {"--help", "-h"}:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


links = typer.Typer(
    help="wa.me links, and the ledger of what they bring.",
    cls=_MakesByDefault,
    no_args_is_help=True,
)


@links.command("make")
def links_make(
    survey: str = SURVEY,
    unit: list[str] = UNITS,
    group: list[str] = GROUPS,
    personal: bool = typer.Option(False, "--personal", help="One single-use link per roster row."),
    note: str = typer.Option("", "--note", help="Where the poster hangs."),
    cap: int | None = CAP,
    expires: datetime | None = EXPIRES,
    output: Path | None = typer.Option(None, "--output", "-o", help="A .csv, .xlsx or .json file."),
    number: str = NUMBER,
    as_json: bool = JSON,
) -> None:
    """Make wa.me links for groups of units, or for every person on the roster."""
    from bot.outreach import links as use

    form = output.suffix.removeprefix(".").lower() if output is not None else ""
    if output is not None and form not in {"csv", "xlsx", "json"}:
        fail(f"{output}: end the name in .csv, .xlsx or .json")
    with opened() as service:
        here = service.installation
        sender = _our_number(service, number)
        until = _end_of_day(service, survey, expires)
        if personal:
            made = use.create_personal_links(here, survey, expires_at=until)
        else:
            made = use.create_links(
                here, survey, units=unit, groups=group, note=note, cap=cap, expires_at=until
            )
        written = 0
        if output is not None:
            written = use.export_links(
                here, survey, sender, output, cast("Format", form), personal=personal
            )
        listed = (
            []
            if personal
            else here.database.read(
                lambda connection: list(use.links(connection, here, survey, sender))
            )
        )

        def show() -> None:
            out.print(_made(made))
            for one in listed[:50] if output is None else []:
                out.print(f"{one.unit_name} / {one.group}: {one.url}", soft_wrap=True)
            if output is not None:
                out.print(f"{written} written to {output}")

        rows = [one.to_dict() for one in listed]
        report(as_json, made.to_dict() | {"written": written, "links": rows}, show)


def _made(done: LinksReport | PostersReport) -> str:
    changed = f", {done.changed} changed (cap or last day)" if done.changed else ""
    return f"links: {done.created} new, {done.reused} kept{changed}"


@links.command("ledger")
def links_ledger(survey: str = SURVEY, as_json: bool = JSON) -> None:
    """Show what posters bring by day, up to yesterday; for you alone, not for coordinators."""
    from bot.outreach import ledger as use

    with opened() as service:
        found = use.ledger(service.installation, survey)
        report(as_json, found.to_dict(), lambda: _show_ledger(found))


def _show_ledger(found: Ledger) -> None:
    columns = ["unit", "group", "note", "day", "started", "finished", "refused", "remark"]
    rows = [
        [one.unit, one.group, one.note, day.day, day.starts, day.finishes, day.refused,
         "a run" if day.run else ""]
        for one in found.posters
        for day in one.days
    ]  # fmt: skip
    out.print(table(f"{found.survey}: posters before {found.until}", columns, rows))
    for one in found.personal:
        passed = "; one code is passed on" if one.leak else ""
        out.print(f"{one.unit} / {one.group}: {one.attempts} tries of used personal codes{passed}")


POSTER_FORMATS = ("a4", "a5", "tent", "stickers", "svg", "png")


def posters(
    survey: str = SURVEY,
    unit: list[str] = UNITS,
    group: list[str] = GROUPS,
    form: str = typer.Option(
        "a4", "--format", help=f"One of {', '.join(POSTER_FORMATS)}; svg and png are the QR alone."
    ),
    output: Path = typer.Option(
        ..., "--output", "-o", help="A .pdf file; for svg and png a folder."
    ),
    language: str = typer.Option("", "--language", help="As id,en; all that have words if empty."),
    note: list[str] = typer.Option([], "--note", help="Where it hangs; one poster for each note."),
    cap: int | None = CAP,
    expires: datetime | None = EXPIRES,
    qr_text: str = typer.Option(
        "", "--qr-text", help="The address of somebody else's survey, in place of our links."
    ),
    number: str = NUMBER,
    as_json: bool = JSON,
) -> None:
    """Print posters with QR codes for units and groups, ready for the printer."""
    from bot.outreach import posters as use

    if form not in POSTER_FORMATS:
        raise typer.BadParameter(f"use one of {', '.join(POSTER_FORMATS)}", param_hint="--format")
    with opened() as service:
        here = service.installation
        # Somebody else's posters need no number of ours.
        sender = here.via.sender if qr_text and not number else _our_number(service, number)
        order = use.Order(
            units=unit,
            groups=group,
            notes=note or [""],
            languages=[one.strip() for one in language.split(",") if one.strip()],
            cap=cap,
            expires_at=_end_of_day(service, survey, expires),
            address=qr_text.strip(),
        )
        if form in {"svg", "png"}:
            picture = cast("PictureForm", form)
            done = use.write_codes(here, survey, sender, order, picture, output)
        else:
            if output.suffix.lower() != ".pdf":
                fail(f"{output}: end the name in .pdf")
            sheet = cast("PosterForm", form)
            done = use.write_posters(here, survey, sender, order, sheet, output)

        def show() -> None:
            out.print(f"posters: {done.posters} written to {output}; {_made(done)}", soft_wrap=True)
            for code in done.left_out:
                err.print(f"{code} is left out: it has no words under `poster`", style="yellow")

        report(as_json, done.to_dict() | {"output": str(output)}, show)


def mail(
    survey: str = SURVEY,
    group: list[str] = typer.Option(
        [], "--group", help="All of the group with an address; else who has no number."
    ),
    yes: bool = typer.Option(False, "--yes", help="Really send; without it nothing is written."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say who would be written to."),
    to: str = typer.Option("", "--to", help="Send one example to this address, and no others."),
    stop: str = typer.Option("", "--stop", help="Never write to this address again."),
    again: bool = typer.Option(
        False, "--again", help="Send those of unknown fate once more; look at the server first."
    ),
    per_minute: int = typer.Option(30, "--per-minute", min=1, max=6000, help="The pace."),
    number: str = NUMBER,
    as_json: bool = JSON,
) -> None:
    """Send personal links by e-mail to people on the roster who have no number."""
    from bot.outreach.mail import mailing as use

    if yes and dry_run:
        raise typer.BadParameter("--yes and --dry-run exclude each other")
    with opened() as service:
        here = service.installation
        if stop:
            if not use.stop_mail(here, stop):
                fail(f"--stop {stop}: no e-mail address, so nobody was stopped; write name@domain")
            report(as_json, {"stopped": True}, lambda: out.print("no more e-mail goes there"))
            return
        if not yes and not to:
            plan = use.plan_mail(here, survey, group)
            report(as_json, plan.to_dict(), lambda: _show_mail_plan(plan))
            return
        sender = _our_number(service, number)
        if to:
            _send_sample(service, survey, sender, to)
            report(as_json, {"sent": 1}, lambda: out.print(f"an example went to {to}"))
            return
        done = _send_mail(service, survey, sender, group, per_minute, again=again)
        report(as_json, done.to_dict(), lambda: _show_mail(done))


def _send_sample(service: Service, survey: str, sender: str, to: str) -> None:
    from bot.outreach.mail import mailing as use
    from bot.outreach.mail.smtp import Undelivered, Unknown, Unusable

    try:
        use.send_sample(service.installation, survey, sender, _postman(service), to)
    except (Undelivered, Unusable) as error:
        fail(str(error))
    except Unknown:
        fail("the server's reply was lost: look whether the e-mail has arrived")


def _send_mail(
    service: Service,
    survey: str,
    sender: str,
    groups: Sequence[str],
    per_minute: int,
    *,
    again: bool,
) -> MailReport:
    from rich.progress import Progress

    from bot.outreach.mail import mailing as use
    from bot.outreach.mail.smtp import Unusable

    here = service.installation
    plan = use.plan_mail(here, survey, groups)
    with Progress(console=err, disable=not err.is_terminal) as bar:
        total = plan.people + plan.by_status.get("queued", 0)
        task = bar.add_task("sending", total=total or None)
        try:
            return use.send_mail(
                here,
                survey,
                sender,
                _postman(service),
                groups,
                per_minute=per_minute,
                again=again,
                pause=clock.sleep,
                progress=lambda count: bar.update(task, completed=count),
            )
        except Unusable as error:
            fail(f"{error}. Nobody was written to twice; mend it and run this again")


def _show_mail_plan(plan: MailPlan) -> None:
    rows: list[list[Any]] = [[one.unit_name, one.group, one.people] for one in plan.places]
    out.print(table(f"E-mail for {plan.survey}", ["unit", "group", "to write to"], rows))
    out.print(
        f"without an address {plan.without_email}, asked not to be written to {plan.opted_out}"
    )
    if plan.by_status:
        found = ", ".join(f"{name} {count}" for name, count in sorted(plan.by_status.items()))
        out.print(f"earlier runs: {found}")
    out.print("Nothing was written. `--to ADDRESS` sends you an example, `--yes` sends them.")


def _show_mail(done: MailReport) -> None:
    out.print(
        f"e-mails: {done.sent} sent, {done.failed} failed, {done.dropped} not needed any more"
    )
    if done.waiting:
        out.print(f"{done.waiting} wait, because the server said later: run this again in an hour")
    if done.in_hand:
        out.print(f"{done.in_hand} in another run's hands, or in those of one that died just now")
    if done.unknown:
        err.print(
            f"{done.unknown} may have arrived or not: look for these Message-IDs in the mail"
            " server's log, and send again with --yes --again only if they are not there",
            style="yellow",
            soft_wrap=True,
        )
        for one in done.message_ids[:20]:
            err.print(one, markup=False, soft_wrap=True)


def _postman(service: Service) -> Postman:
    """Return a connection to the mail server of the settings."""
    from bot.outreach.mail.smtp import Postman, Security, Server

    settings = service.settings
    if settings.smtp_host is None or settings.smtp_from is None:
        fail("there is no mail server: set SMTP_HOST and SMTP_FROM")
    return Postman(
        Server(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=cast("Security", settings.smtp_security),
            sender=settings.smtp_from,
            user=settings.smtp_user or "",
            password=settings.smtp_password or "",
        )
    )


def _our_number(service: Service, number: str) -> str:
    """Return the number that wa.me links lead to, or end with exit code 1."""
    here = service.installation
    if number:
        return _read_number(number, service.settings.default_region)
    sender = here.via.sender
    if not _E164.fullmatch(sender.removeprefix("whatsapp:")) or (
        service.twilio is None and not here.demo
    ):
        fail("a wa.me link needs our number: set TWILIO_WHATSAPP_FROM or give --number +62…")
    return sender


def _read_number(text: str, region: str) -> str:
    """Return a number as people write it, or end with exit code 1.

    Ours may be a landline too, which is taken where it is written with its plus.
    """
    from bot.intake.phones import read_phone

    bare = text.strip().removeprefix("whatsapp:")
    phone = read_phone(bare, region)
    if phone.e164 is not None and not phone.others:
        return phone.e164
    plus = re.sub(r"[\s().-]", "", bare)
    if not plus.startswith("+") or not _E164.fullmatch(plus):
        fail(f"--number {text}: no telephone number; write one, as 0812… or +62…")
    return plus


def _end_of_day(service: Service, survey: str, day: datetime | None) -> datetime | None:
    """Return the midnight at which a day of the survey's zone ends."""
    if day is None:
        return None
    here = service.installation
    published = here.database.read(lambda connection: here.surveys.named(connection, survey))
    return datetime.combine(
        day.date() + timedelta(days=1), time(), tzinfo=published.survey.settings.zone
    )
