"""The `tautan` command. Exit 0: done; 1: the input or the data is at fault; 2: wrong usage."""

from __future__ import annotations

import typer

from bot.commands import (
    authoring,
    coordinators,
    cost,
    data,
    demo,
    doctor,
    drawing,
    duplicates,
    editions,
    fieldwork,
    flows,
    gateway,
    kit,
    launching,
    linking,
    mending,
    paths,
    reminders,
    running,
    sending,
    talking,
    templates,
    testing,
    translating,
)

HELP = "Tautan: surveys over WhatsApp links, honest, anonymous and without duplicates."

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(running.run)
app.command("demo")(demo.demo)
app.command("worker")(running.worker)
app.command("migrate")(running.migrate)
app.command("doctor")(doctor.doctor)
app.command("check")(flows.check)
app.command("schema")(flows.schema)
app.command("test")(testing.play_transcripts)
app.command("chat")(talking.chat)
app.command("publish")(flows.publish)
app.command("diff")(editions.diff)
app.command("pull")(editions.pull)
app.add_typer(authoring.flow, name="flow")
app.add_typer(translating.translate, name="translate")
app.add_typer(templates.templates, name="templates")
app.command("contents")(flows.contents)
app.command("cost")(cost.cost)
app.command("paths")(paths.paths)
app.command("graph")(drawing.graph)
app.add_typer(fieldwork.units, name="units")
app.add_typer(coordinators.coordinators, name="coordinators")
app.add_typer(fieldwork.roster, name="roster")
fieldwork.roster.command("report")(mending.report)
fieldwork.roster.command("mend")(mending.mend)
fieldwork.roster.command("duplicates")(duplicates.duplicates)
fieldwork.roster.command("decide")(duplicates.decide)
app.add_typer(linking.links, name="links")
app.command("posters")(linking.posters)
app.command("mail")(linking.mail)
app.command("launch")(launching.launch)
app.command("pilot")(launching.pilot)
app.command("kit")(kit.kit)
app.add_typer(sending.senders, name="senders")
app.command("alerts")(sending.alerts)
app.add_typer(reminders.reminders, name="reminders")
app.command("progress")(fieldwork.progress)
app.command("reports")(fieldwork.reports)
app.command("export")(data.export)
app.command("close")(fieldwork.close)
app.command("audit-anonymity")(data.audit_anonymity)
app.command("forget")(data.forget)
app.command("purge")(data.purge)
app.command("consents")(gateway.consents)
app.command("redaction")(gateway.redaction)


def main() -> None:
    """Run the command line."""
    app()
