"""The application for any WSGI server: `granian --interface wsgi wsgi:app`."""

from bot.config import Settings
from bot.web.app import create_app

app = create_app(Settings.from_env())
