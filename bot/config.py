"""Settings: the only reader of the environment and of `.env`.

One table, `VARIABLES`, holds every name with its default and its line of help; `.env.example` is
generated from it (`python -m bot.config > .env.example`) and a test keeps them equal.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from rapidfuzz import fuzz, process
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from storage.keys import Secret

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
KEY_FILE = "tautan.key"
SECRET_LENGTH = 32

_EXAMPLE_HEAD = """\
# Settings of Tautan. Copy this file to .env and take the # away where you set something.
# The environment wins over .env. A variable marked (secret) may be set by a file instead:
# NAME_FILE=/path/to/the/file."""
_OWN_PREFIXES = ("TAUTAN_", "TWILIO_")
# Others use these prefixes too (Google's CLOUD_RUN_JOB): only what resembles ours is a mistake.
_SHARED_PREFIXES = ("CLOUD_", "SMTP_")
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_META_ID = re.compile(r"[0-9]{5,20}")
_SENDER = re.compile(r"whatsapp:\+[1-9]\d{6,14}")
_MAILBOX = re.compile(r"[^<>@\s]+@[^<>@\s]+\.[^<>@\s]+|[^<>@\r\n]+<[^<>@\s]+@[^<>@\s]+>")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


_SECRETS = frozenset(
    {
        "tautan_secret_key",
        "twilio_auth_tokens",
        "cloud_access_token",
        "cloud_app_secrets",
        "cloud_verify_token",
        "smtp_password",
    }
)


class ConfigError(Exception):
    """The settings cannot work. `problems` has one line each: where, what, how to mend it."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{count} in the settings:", *(f"- {p}" for p in problems)]))


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable. `secret` ones may also come from the file that `<name>_FILE`
    names, and are never shown."""

    name: str
    default: str
    help: str
    secret: bool = False


VARIABLES = (
    Variable(
        "DATABASE_URL",
        "sqlite:///tautan.db",
        "sqlite:///FILE for one server, postgresql://USER:PASSWORD@HOST/NAME for several.",
        secret=True,
    ),
    Variable(
        "PUBLIC_BASE_URL",
        "",
        "Address at which the world reaches this server, https://…; signatures need it.",
    ),
    Variable(
        "TAUTAN_SECRET_KEY",
        "",
        "All keys come from it, 32 characters or more. `tautan run` makes tautan.key without one.",
        secret=True,
    ),
    Variable("FLOWS_DIR", "flows", "Folder with one folder per survey."),
    Variable("DEFAULT_REGION", "ID", "Country of phone numbers written without a country code."),
    Variable("HOST", "127.0.0.1", "Address to listen on; 0.0.0.0 is every network."),
    Variable("PORT", "8000", "Port to listen on."),
    Variable("LOG_LEVEL", "INFO", f"One of {', '.join(LOG_LEVELS)}."),
    Variable(
        "TWILIO_ACCOUNT_SID",
        "",
        "AC… from Twilio's console. Without Twilio the simulator is the only channel.",
    ),
    Variable(
        "TWILIO_AUTH_TOKEN",
        "",
        "Twilio's auth token; while you rotate it both, new one first, with a comma.",
        secret=True,
    ),
    Variable("TWILIO_WHATSAPP_FROM", "", "Number to send from, whatsapp:+62…"),
    Variable("TWILIO_MESSAGING_SERVICE_SID", "", "MG…, instead of the number or beside it."),
    Variable("TWILIO_API_BASE_URL", "", "Another server than Twilio's own, for tests."),
    Variable(
        "CLOUD_ACCESS_TOKEN",
        "",
        "Meta's own Cloud API in place of Twilio: a system user's token that does not expire.",
        secret=True,
    ),
    Variable("CLOUD_PHONE_NUMBER_ID", "", "The number's id at Meta, digits; not the number."),
    Variable(
        "CLOUD_APP_SECRET",
        "",
        "The app's secret at Meta; while you rotate it both, new one first, with a comma.",
        secret=True,
    ),
    Variable(
        "CLOUD_VERIFY_TOKEN",
        "",
        "Any words you invent; the same ones go into the webhook's settings at Meta.",
        secret=True,
    ),
    Variable("CLOUD_API_BASE_URL", "", "Another server than Meta's own, for tests."),
    Variable("SMTP_HOST", "", "Mail server for `tautan mail`; without it nobody gets an e-mail."),
    Variable("SMTP_PORT", "587", "Port of the mail server: 587 with starttls, 465 with tls."),
    Variable("SMTP_USER", "", "Whom to log in as at the mail server; empty: nobody."),
    Variable("SMTP_PASSWORD", "", "The password that goes with it.", secret=True),
    Variable("SMTP_FROM", "", "Sender of e-mails, Name <address>; replies must be read there."),
    Variable("SMTP_SECURITY", "starttls", "starttls, tls, or none on this machine itself only."),
)


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What an operator can set. Make it with `from_env`; an empty variable counts as not set."""

    database_url: str = "sqlite:///tautan.db"
    public_base_url: str | None = None  # without a slash at its end
    tautan_secret_key: str | None = None
    flows_dir: Path = Path("flows")
    default_region: str = "ID"
    host: str = "127.0.0.1"
    port: int = 8000
    log_level: str = "INFO"
    twilio_account_sid: str | None = None
    twilio_auth_tokens: tuple[str, ...] = field(default=())  # the newest first
    twilio_whatsapp_from: str | None = None
    twilio_messaging_service_sid: str | None = None
    twilio_api_base_url: str | None = None
    cloud_access_token: str | None = None
    cloud_phone_number_id: str | None = None
    cloud_app_secrets: tuple[str, ...] = field(default=())  # the newest first
    cloud_verify_token: str | None = None
    cloud_api_base_url: str | None = None
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_user: str | None = None
    smtp_password: str | None = None
    smtp_from: str | None = None
    smtp_security: str = "starttls"

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, env_file: Path = Path(".env")
    ) -> Settings:
        """Read the environment, and `.env` for what it does not set.

        With `environ` nothing else is read. Raises ConfigError with all problems at once.
        """
        problems: list[str] = []
        if environ is None:
            in_file = _in_file(env_file)
            problems += _misspelt(in_file, env_file)
            environ = {**in_file, **os.environ}
        problems += _unknown(environ)
        values = {v.name: _value(v, environ, problems) for v in VARIABLES}
        settings = _read(values, problems)
        if problems:
            raise ConfigError(*problems)
        return settings

    @property
    def twilio(self) -> bool:
        """Whether messages go over Twilio."""
        return self.twilio_account_sid is not None

    @property
    def cloud(self) -> bool:
        """Whether messages go over Meta's Cloud API."""
        return self.cloud_phone_number_id is not None

    @property
    def real(self) -> bool:
        """Whether messages reach real people; if not, the simulator is the only channel."""
        return self.twilio or self.cloud

    @property
    def key_file(self) -> Path | None:
        """Where the secret is kept when the environment has none: beside the SQLite file."""
        url = make_url(self.database_url)
        if url.get_backend_name() != "sqlite" or not url.database:
            return None
        return Path(url.database).with_name(KEY_FILE)

    def secret(self, *, create: bool) -> Secret:
        """Return the installation's secret, from the environment or from `tautan.key`.

        With `create` (only `tautan run` passes it) a missing file is made, mode 0600. Raises
        ConfigError, which says where the secret was looked for.
        """
        if self.tautan_secret_key is not None:
            return Secret(self.tautan_secret_key)
        path = self.key_file
        if path is None:
            raise ConfigError(
                "TAUTAN_SECRET_KEY is not set, and PostgreSQL has no folder to keep a key in: set"
                " it, the same for every process (python -c 'import secrets;"
                " print(secrets.token_urlsafe(32))' makes one)"
            )
        if not path.exists():
            if not create:
                raise ConfigError(
                    f"TAUTAN_SECRET_KEY is not set and there is no {path}: start `tautan run`"
                    " once, which makes it, or set the variable"
                )
            _make_key(path)
        return _read_key(path)

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={self._shown(f.name)}" for f in fields(self))
        return f"Settings({shown})"

    def _shown(self, name: str) -> str:
        """What may be seen of a setting: of a secret only whether there is one."""
        value = getattr(self, name)
        if name in _SECRETS:
            return "'***'" if value else repr(value)
        if name == "database_url" and not value.startswith("sqlite"):
            return repr(f"{value.split(':')[0]}://***")
        return repr(value)


def env_example() -> str:
    """Return the text of `.env.example`."""
    parts = [_EXAMPLE_HEAD]
    for variable in VARIABLES:
        mark = " (secret)" if variable.secret else ""
        parts.append(f"# {variable.help}{mark}\n#{variable.name}={variable.default}")
    return "\n\n".join(parts) + "\n"


def _value(variable: Variable, environ: Mapping[str, str], problems: list[str]) -> str:
    """Return the text of a variable, from its file where one is named, else its default."""
    text = environ.get(variable.name, "").strip()
    file = environ.get(f"{variable.name}_FILE", "").strip() if variable.secret else ""
    if file and text:
        problems.append(
            f"{variable.name} and {variable.name}_FILE are both set: take one of them away"
        )
    elif file:
        try:
            text = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            problems.append(f"{variable.name}_FILE: {file} cannot be read: {reason}")
        else:
            if not text:
                problems.append(f"{variable.name}_FILE: {file} is empty; put the value into it")
    return text or variable.default


def _known() -> dict[str, Variable]:
    """Return every accepted name."""
    names = {variable.name: variable for variable in VARIABLES}
    names.update({f"{v.name}_FILE": v for v in VARIABLES if v.secret})
    return names


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """Say which names with a prefix of ours mean nothing to us."""
    known = _known()
    found = []
    for name in sorted(environ):
        if name in known:
            continue
        if name.startswith(_SHARED_PREFIXES) and (hint := _nearest(name, list(known), 80)):
            found.append(f"{name} is not a setting of Tautan: did you mean {hint}?")
        elif name.startswith(_OWN_PREFIXES):
            hint = _nearest(name, list(known), 70)
            mend = f"did you mean {hint}?" if hint else "take it away, or see .env.example"
            found.append(f"{name} is not a setting of Tautan: {mend}")
    return found


def _in_file(env_file: Path) -> dict[str, str]:
    """Return what `.env` sets. Raises ConfigError for lines that are no settings."""
    if not env_file.is_file():
        return {}
    try:
        text = env_file.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{env_file}: this is not UTF-8; save it so in your editor") from None
    problems = []
    for one in parse_stream(io.StringIO(text)):
        before = one.original.string[: -len(one.original.string.lstrip()) or None]
        if one.error or (one.key is not None and one.value is None):
            line = one.original.line + before.count("\n")
            fix = "write NAME=value, and close quotation marks in the same line"
            problems.append(f"{env_file}:{line}: this line is no setting; {fix}")
    if problems:
        raise ConfigError(*problems)
    return {k: v for k, v in dotenv_values(env_file).items() if v is not None}


def _misspelt(in_file: Mapping[str, str], env_file: Path) -> list[str]:
    """Say which other names in `.env` look like one of ours; `DATABSE_URL` must not pass."""
    known = _known()
    found = []
    for name in in_file:
        if name in known or name.startswith((*_OWN_PREFIXES, *_SHARED_PREFIXES)) or len(name) < 6:
            continue
        hint = _nearest(name.upper(), list(known), 85)
        if hint:
            found.append(f"{env_file}: {name} is not a setting of Tautan: did you mean {hint}?")
    return found


def _nearest(text: str, names: list[str], least: float) -> str | None:
    found = process.extractOne(text, names, scorer=fuzz.ratio, score_cutoff=least)
    return found[0] if found else None


def _read(values: Mapping[str, str], problems: list[str]) -> Settings:
    """Turn texts into settings and note what is wrong with them."""
    _check_twilio(values, problems)
    _check_cloud(values, problems)
    _check_smtp(values, problems)
    secret = values["TAUTAN_SECRET_KEY"] or None
    if secret is not None and len(secret) < SECRET_LENGTH:
        problems.append(
            f"TAUTAN_SECRET_KEY has {len(secret)} characters and needs {SECRET_LENGTH} or more"
        )
    return Settings(
        database_url=_database(values["DATABASE_URL"], problems),
        public_base_url=_url("PUBLIC_BASE_URL", values, problems),
        tautan_secret_key=secret,
        flows_dir=Path(values["FLOWS_DIR"]),
        default_region=_region(values["DEFAULT_REGION"], problems),
        host=values["HOST"],
        port=_port("PORT", values, problems),
        log_level=_level(values["LOG_LEVEL"], problems),
        twilio_account_sid=values["TWILIO_ACCOUNT_SID"] or None,
        twilio_auth_tokens=_several(values["TWILIO_AUTH_TOKEN"]),
        twilio_whatsapp_from=values["TWILIO_WHATSAPP_FROM"] or None,
        twilio_messaging_service_sid=values["TWILIO_MESSAGING_SERVICE_SID"] or None,
        twilio_api_base_url=_url("TWILIO_API_BASE_URL", values, problems),
        cloud_access_token=values["CLOUD_ACCESS_TOKEN"] or None,
        cloud_phone_number_id=values["CLOUD_PHONE_NUMBER_ID"] or None,
        cloud_app_secrets=_several(values["CLOUD_APP_SECRET"]),
        cloud_verify_token=values["CLOUD_VERIFY_TOKEN"] or None,
        cloud_api_base_url=_url("CLOUD_API_BASE_URL", values, problems),
        smtp_host=values["SMTP_HOST"] or None,
        smtp_port=_port("SMTP_PORT", values, problems),
        smtp_user=values["SMTP_USER"] or None,
        smtp_password=values["SMTP_PASSWORD"] or None,
        smtp_from=values["SMTP_FROM"] or None,
        smtp_security=values["SMTP_SECURITY"],
    )


def _several(text: str) -> tuple[str, ...]:
    """Return the parts of a secret that is being rotated."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _check_twilio(values: Mapping[str, str], problems: list[str]) -> None:
    """Note half-set and malformed settings of Twilio."""
    given = {n: v for n, v in values.items() if n.startswith("TWILIO_") and v}
    if not given:
        return
    wanted = [n for n in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN") if n not in given]
    if "TWILIO_WHATSAPP_FROM" not in given and "TWILIO_MESSAGING_SERVICE_SID" not in given:
        wanted.append("TWILIO_WHATSAPP_FROM (or TWILIO_MESSAGING_SERVICE_SID)")
    if not values["PUBLIC_BASE_URL"]:
        wanted.append("PUBLIC_BASE_URL")
    if wanted:
        problems.append(
            f"Twilio is half set: {', '.join(sorted(given))} without {', '.join(wanted)}."
            " Set all of them, or none to use the simulator"
        )
    if "_" in values["PUBLIC_BASE_URL"].partition("://")[2].partition("/")[0]:
        problems.append("PUBLIC_BASE_URL: Twilio calls no host with an underscore; rename it")
    shapes = (
        ("TWILIO_ACCOUNT_SID", _ACCOUNT, "AC and 32 hexadecimal digits"),
        ("TWILIO_WHATSAPP_FROM", _SENDER, "whatsapp:+ and the number, as in whatsapp:+62…"),
        ("TWILIO_MESSAGING_SERVICE_SID", _SERVICE, "MG and 32 hexadecimal digits"),
    )
    for name, shape, words in shapes:
        if name in given and not shape.fullmatch(given[name]):
            problems.append(f"{name} must be {words}")


def _check_cloud(values: Mapping[str, str], problems: list[str]) -> None:
    """Note half-set and malformed settings of Meta's Cloud API, and a second channel."""
    given = {n: v for n, v in values.items() if n.startswith("CLOUD_") and v}
    if not given:
        return
    if any(n.startswith("TWILIO_") and v for n, v in values.items()):
        problems.append(
            "Twilio and Meta's Cloud API are both set, and an installation has one channel:"
            " take the TWILIO_ variables away, or the CLOUD_ ones"
        )
    needed = ("ACCESS_TOKEN", "APP_SECRET", "PHONE_NUMBER_ID", "VERIFY_TOKEN")
    wanted = [f"CLOUD_{n}" for n in needed if f"CLOUD_{n}" not in given]
    if wanted:
        problems.append(
            f"Meta's Cloud API is half set: {', '.join(sorted(given))} without"
            f" {', '.join(wanted)}. Set all of them, or none to use the simulator"
        )
    name = "CLOUD_PHONE_NUMBER_ID"
    if name in given and not _META_ID.fullmatch(given[name]):
        problems.append(f"{name} must be the id at Meta, 5 to 20 digits")


def _check_smtp(values: Mapping[str, str], problems: list[str]) -> None:
    """Note half-set settings of the mail server, and passwords that would travel in the open."""
    given = {n: v for n, v in values.items() if n.startswith("SMTP_") and v}
    names = ("SMTP_HOST", "SMTP_USER", "SMTP_PASSWORD", "SMTP_FROM")
    wanted = [n for n in ("SMTP_HOST", "SMTP_FROM") if n not in given]
    if any(n in given for n in names) and wanted:
        have = ", ".join(n for n in names if n in given)
        problems.append(f"the mail server is half set: {have} without {', '.join(wanted)}")
    if ("SMTP_USER" in given) != ("SMTP_PASSWORD" in given):
        problems.append("SMTP_USER and SMTP_PASSWORD belong together: set both, or neither")
    if "SMTP_FROM" in given and not _MAILBOX.fullmatch(given["SMTP_FROM"]):
        problems.append("SMTP_FROM must be an address, as in Survei Contoh <survei@contoh.go.id>")
    security = given.get("SMTP_SECURITY", "")
    if security not in {"starttls", "tls", "none"}:
        problems.append("SMTP_SECURITY must be starttls, tls or none")
    elif security == "none" and given.get("SMTP_HOST", "localhost") not in _LOOPBACK:
        problems.append(
            "SMTP_SECURITY=none is for a mail server on this machine only: names and links would"
            " travel readable. Use starttls or tls"
        )


def _database(text: str, problems: list[str]) -> str:
    """Check a database URL; the message repeats nothing of it, for it may hold a password."""
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        backend = ""
    if backend not in {"sqlite", "postgresql", "postgres"}:
        problems.append("DATABASE_URL must begin with sqlite:/// and a file, or with postgresql://")
    elif backend == "sqlite" and url.database in {None, "", ":memory:"}:
        problems.append(
            "DATABASE_URL names no file: write sqlite:///tautan.db (a database in memory would"
            " forget everything)"
        )
    return text


def _url(name: str, values: Mapping[str, str], problems: list[str]) -> str | None:
    """Check a base URL and return it without the slash at its end."""
    text = values[name].rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        good = good and not (parts.query or parts.fragment or parts.username)
        good = good and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        problems.append(f"{name} must look like https://survei.contoh.go.id, without ? or #")
    return text


def _region(text: str, problems: list[str]) -> str:
    region = text.upper()
    if region != "ID":
        # Large, and most installations never need it.
        from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415

        if region not in SUPPORTED_REGIONS:
            problems.append("DEFAULT_REGION must be a country's two letters, such as ID")
    return region


def _port(name: str, values: Mapping[str, str], problems: list[str]) -> int:
    text = values[name]
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    problems.append(f"{name} must be a whole number from 1 to 65535")
    return 0


def _level(text: str, problems: list[str]) -> str:
    level = text.upper()
    if level not in LOG_LEVELS:
        hint = _nearest(level, list(LOG_LEVELS), 60)
        mend = f": did you mean {hint}?" if hint else ""
        problems.append(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}{mend}")
    return level


def _make_key(path: Path) -> None:
    """Write a fresh secret; of two processes that try, the first one wins."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(Secret.fresh() + "\n")
        file.flush()
        os.fsync(file.fileno())


def _read_key(path: Path) -> Secret:
    """Read a key file. Raises ConfigError when others may read it too, or it is damaged."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path} can be read by others: chmod 600 {path}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"{path} cannot be read: {reason}") from None
    try:
        return Secret(text)
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: {error}. Put it back from a backup") from None


if __name__ == "__main__":
    print(env_example(), end="")
