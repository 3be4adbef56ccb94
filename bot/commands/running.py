"""`tautan run`, `worker`, `migrate`: the processes of an installation."""

from __future__ import annotations

import errno
import signal
import threading
from types import FrameType

import typer

from bot.commands.common import err, fail, faults, out, settings
from bot.config import Settings
from bot.scheduler import Sweeps
from bot.service import Service
from storage.database import Database
from storage.migrate import migrate as bring_up

DEMO = typer.Option(
    False, "--demo", help="Fill a fresh database with an invented survey; time can be moved."
)
THREADS = 16


def run(demo: bool = DEMO) -> None:
    """Everything in one process: web, timers, sender, and the simulator without Twilio."""
    with faults():
        config = settings()
        if demo and config.real:
            raise typer.BadParameter(
                "--demo takes no credentials of Twilio or Meta: unset the TWILIO_ and CLOUD_ ones"
            )
        config.secret(create=True)
        database = Database(config.database_url)
        bring_up(database)
        database.close()
        service = Service(config, serving=True, demo=demo or None)
        # Opened before anybody is told that it runs: a wrong secret, or another server, ends it.
        here = service.installation
        if demo:
            from bot.outreach.demo.filling import prepare
            from bot.reporting.coordinators.lists import import_coordinators

            prepare(here, config.flows_dir, import_coordinators)
        _serve(config, service)


def _serve(config: Settings, service: Service) -> None:
    from cheroot.wsgi import Server

    from bot.web.app import create_app

    sweeps = Sweeps(service)
    app = create_app(config, service=service, sweeps=sweeps)
    server = Server(
        (config.host, config.port),
        app,
        numthreads=THREADS,
        request_queue_size=512,
        server_name="tautan",
        timeout=20,
        shutdown_timeout=10,
    )
    # A proxy keeps its connections; closing them under it would cost it retries.
    server.keep_alive_conn_limit = 256
    try:
        server.prepare()
    except OSError as error:
        service.close()
        taken = f"Errno {errno.EADDRINUSE}]" in str(error)
        why = "another program has it" if taken else str(error)
        fail(
            f"{config.host}:{config.port} cannot be listened on: {why}. End that program, or choose"
            f" another port: PORT={config.port + 1} tautan run (HOST is the address)"
        )
    sweeps.start()
    _greet(config, service)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.stop, name="stop").start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server.serve()
    finally:
        app.extensions["tautan.sender"].stop()
        sweeps.stop()
        service.close()


def _greet(config: Settings, service: Service) -> None:
    """Say where to click."""
    host = "127.0.0.1" if config.host in {"0.0.0.0", "::"} else config.host  # noqa: S104
    base = f"http://{host}:{config.port}"
    out.print(f"Tautan is running on {base} (Ctrl-C ends it)")
    if service.provider is None:
        out.print(
            f"  Simulator: {base}/simulator   (no Twilio credentials: nothing leaves here)",
            soft_wrap=True,
        )
    elif service.cloud is not None:
        out.print(f"  Webhook:   {config.public_base_url or base}/cloud")
    else:
        out.print(f"  Webhook:   {config.public_base_url}/whatsapp")
    out.print(f"  Health:    {base}/health")


def worker() -> None:
    """The timers and the sender alone; any number of them, on PostgreSQL."""
    with faults():
        config = settings()
        service = Service(config, serving=True)
        if service.database.is_sqlite:
            err.print("On SQLite `tautan run` holds the timers too: one process serves the file.")
            raise typer.Exit(1)
        _ = service.installation
        sweeps = Sweeps(service)
        sweeps.start()
        done = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        out.print("Tautan's worker is running (Ctrl-C ends it)")
        done.wait()
        sweeps.stop()
        service.close()


def migrate() -> None:
    """Bring the database to this version."""
    with faults():
        database = Database(settings().database_url)
        changed = bring_up(database)
        database.close()
        out.print("The database is brought to this version." if changed else "Nothing to do.")
