"""`tautan coordinators`: who gets the counts, from a file or one by one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.commands.common import JSON, counted, err, fail, in_words, opened, out, report, table
from bot.commands.headings import MAP, YES, pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.intake.tables import Match

coordinators = typer.Typer(help="Who gets the daily counts.", no_args_is_help=True)

FILE = typer.Argument(..., help="A CSV, XLSX, XLS or ODS file.")
SURVEY = typer.Argument(..., help="The survey's name.")
SURVEY_OPTION = typer.Option(..., "--survey", "-s", help="The survey's name.")
POST = typer.Argument(..., help="The post's number, as `list` shows it.")


@coordinators.command("import")
def coordinators_import(
    file: Path = FILE,
    survey: str = SURVEY_OPTION,
    replace: bool = typer.Option(
        False, "--replace", help="Remove the posts that the file does not have."
    ),
    said: list[str] = MAP,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Take coordinators (phone, unit, hour, name, ...) from a file; the same again changes none."""
    from bot.reporting.coordinators.lists import headings_of, import_coordinators

    with opened() as service:
        known = _understood(headings_of(file), pairs(said), file, yes=yes, as_json=as_json)
        done = import_coordinators(
            service.installation,
            survey,
            file,
            service.settings.default_region,
            known=known,
            replace=replace,
        )

        def show() -> None:
            out.print(in_words(done.to_dict()))
            if done.gone and not replace:
                posts = ", ".join(map(str, done.gone))
                err.print(
                    f"posts that the file does not have stay: {posts}; --replace removes them",
                    soft_wrap=True,
                )

        report(as_json, {**done.to_dict(), "gone_posts": list(done.gone)}, show)


@coordinators.command("list")
def coordinators_list(survey: str = SURVEY, as_json: bool = JSON) -> None:
    """Show the posts and who cannot be reached, and why; without names and numbers."""
    from bot.reporting.coordinators import reach

    with opened() as service:
        posts = reach.posts(service.installation, survey)

        def show() -> None:
            rows = [
                [
                    one.id,
                    one.unit or "all",
                    one.unit_name,
                    one.kind,
                    one.when,
                    one.state + (f" until {one.away_until}" if one.away_until else ""),
                    "yes" if one.deputy else "",
                ]
                for one in posts
            ]
            columns = ["post", "unit", "name", "kind", "when", "state", "deputy"]
            out.print(table(f"{survey}: {counted(len(posts), 'post')}", columns, rows))
            bad = [one for one in posts if not one.is_reached]
            if bad:
                numbers = ", ".join(str(one.id) for one in bad)
                err.print(
                    f"cannot be reached: {numbers}; give them another number:"
                    " `tautan coordinators edit POST --phone …`",
                    soft_wrap=True,
                )

        report(as_json, {"survey": survey, "posts": [one.to_dict() for one in posts]}, show)


@coordinators.command("export")
def coordinators_export(
    survey: str = SURVEY,
    output: Path = typer.Option(..., "--output", "-o", help="The .xlsx or .csv file to write."),
) -> None:
    """Write all posts with names and numbers, to be edited and imported again."""
    from bot.reporting.coordinators.lists import export_coordinators

    with opened() as service:
        if output.suffix.lower() not in {".xlsx", ".csv"}:
            fail(f"{output}: end the name in .xlsx or .csv")
        number = export_coordinators(service.installation, survey, output)
        posts = counted(number, "post")
        out.print(f"{posts} written to {output}, which names people: keep it to yourself")


@coordinators.command("edit")
def coordinators_edit(
    post: int = POST,
    phone: str | None = typer.Option(None, "--phone", help="Another person takes over, at once."),
    name: str | None = typer.Option(None, "--name", help="The holder's name, sealed."),
    unit: str | None = typer.Option(None, "--unit", help="list:code; empty for the whole survey."),
    hour: str | None = typer.Option(None, "--hour", help="Local: 07:45."),
    kind: str | None = typer.Option(None, "--kind", help="admin (daily) or pimpinan (weekly)."),
    weekday: str | None = typer.Option(None, "--weekday", help="Of a pimpinan: senin, ..."),
    away: str | None = typer.Option(
        None, "--away", help="FROM..UNTIL, as 2027-01-04..2027-01-15; - ends an absence."
    ),
    deputy: str | None = typer.Option(
        None, "--deputy", help="The number that gets the messages meanwhile; - for nobody."
    ),
    remove: bool = typer.Option(False, "--remove", help="Take the post away."),
    as_json: bool = JSON,
) -> None:
    """Change one post; what is not said stays as it is."""
    from bot.reporting.coordinators.lists import edit_post, remove_post

    with opened() as service:
        if remove:
            remove_post(service.installation, post)
            report(as_json, {"post": post, "changed": ["removed"]}, lambda: out.print("removed"))
            return
        given = {
            "phone": phone,
            "name": name,
            "unit": unit,
            "hour": hour,
            "kind": kind,
            "weekday": weekday,
            "deputy": deputy,
            **_days(away),
        }
        cells = {column: text for column, text in given.items() if text is not None}
        region = service.settings.default_region
        changed = edit_post(service.installation, post, cells, region)
        said = f"changed: {', '.join(changed)}" if changed else "nothing has changed"
        report(as_json, {"post": post, "changed": changed}, lambda: out.print(said))


def _days(away: str | None) -> dict[str, str | None]:
    if away is None:
        return {}
    first, _, last = away.partition("..")
    return {"away_from": first, "away_until": last or first}


def _understood(
    matches: Sequence[Match], said: Mapping[str, str], file: Path, *, yes: bool, as_json: bool
) -> dict[str, str]:
    """Return what headings mean, once a person has confirmed what was guessed."""
    from bot.flow.source import Problem
    from bot.intake.tables import InputError

    known = dict(said)
    guesses = [one for one in matches if one.how == "guess" and one.heading not in known]
    can_ask = not as_json and sys.stdin.isatty() and err.is_terminal
    if guesses and not yes and not can_ask:
        raise InputError(
            [
                Problem(
                    file.name,
                    one.line or 1,
                    1,
                    f"{one.heading!r} is probably {one.column}, which was not confirmed",
                    f'--yes, or --map "{one.heading}={one.column}"',
                )
                for one in guesses
            ]
        )
    for one in guesses:
        asked = f"Is {one.heading!r} the column {one.column}?"
        right = yes or typer.confirm(asked, default=True, err=True)
        known[one.heading] = one.column if right else ""
    return known
