"""The server under measurement: Tautan's own, with two bare routes beside it.

`/bare` is Flask alone. `/durable` verifies the signature and makes one durable commit: on SQLite
through the same writer thread as everything else, which is faster than a commit of its own, so the
bar is the higher one.
"""

from __future__ import annotations

import os
import sys

from cheroot.wsgi import Server
from flask import Flask, Response, request
from sqlalchemy import Connection, insert

from bot.config import Settings
from bot.service import Service
from bot.web.app import create_app
from storage.models import Audit

ROW = insert(Audit)


def application(settings: Settings) -> Flask:
    """Return Tautan with the two bare routes. No sweeps run: only turns are measured."""
    service = Service(settings, serving=True)
    app = create_app(settings, service=service)
    database = service.database

    @app.post("/bare")
    def bare() -> Response:
        return Response(b"<Response/>", mimetype="text/xml")

    @app.post("/durable")
    def durable() -> Response:
        assert service.twilio is not None
        if not service.twilio.verify(
            request.path,
            request.query_string,
            request.form.items(multi=True),
            request.headers.get("X-Twilio-Signature"),
        ):
            return Response(status=403)
        now = service.installation.now()

        def work(connection: Connection) -> None:
            connection.execute(ROW, {"at": now, "what": "bench", "detail": ""})

        database.write(work)
        return Response(b"<Response/>", mimetype="text/xml")

    return app


def main() -> None:
    """Serve on the port of the command line, as `tautan run` would."""
    server = Server(
        ("127.0.0.1", int(sys.argv[1])),
        application(Settings.from_env()),
        numthreads=16,
        request_queue_size=512,
    )
    server.keep_alive_conn_limit = 256
    server.start()


if __name__ == "__main__":
    main()
else:
    # For granian, which imports the application by name.
    app = application(Settings.from_env()) if os.environ.get("BENCH_APP") else None
