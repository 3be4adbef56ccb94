"""Settings: read once, checked all at once, and never shown where they are secret."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import VARIABLES, ConfigError, Settings, env_example

ROOT = Path(__file__).parent.parent
TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "an-invented-token",
    "TWILIO_WHATSAPP_FROM": "whatsapp:+6281200000001",
    "PUBLIC_BASE_URL": "https://survei.contoh.go.id/",
}
CLOUD = {
    "CLOUD_ACCESS_TOKEN": "an-invented-token",
    "CLOUD_PHONE_NUMBER_ID": "106540352242922",
    "CLOUD_APP_SECRET": "an-invented-secret",
    "CLOUD_VERIFY_TOKEN": "invented words",
}

SMTP = {
    "SMTP_HOST": "pos.contoh.go.id",
    "SMTP_FROM": "Survei Contoh <survei@contoh.go.id>",
    "SMTP_USER": "survei",
    "SMTP_PASSWORD": "an-invented-password",
}


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    """Return what is wrong with an environment."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(environ)
    return caught.value.problems


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings().port == 8000
    assert not Settings().twilio


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_env({v.name: " " for v in VARIABLES}) == Settings()


def test_the_example_file_says_what_the_program_reads() -> None:
    """`.env.example` is generated: .venv/bin/python -m bot.config > .env.example."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example()
    offered = re.findall(r"^#([A-Z_]+)=", env_example(), flags=re.MULTILINE)
    assert offered == [v.name for v in VARIABLES]


def test_the_example_file_with_every_line_switched_on_is_valid() -> None:
    lines = re.findall(r"^#([A-Z_]+)=(.*)$", env_example(), flags=re.MULTILINE)
    assert Settings.from_env(dict(lines)) == Settings()


def test_twilio_is_on_when_all_of_it_is_set() -> None:
    settings = Settings.from_env(TWILIO | {"TWILIO_AUTH_TOKEN": "new, old"})
    assert settings.twilio
    assert settings.twilio_auth_tokens == ("new", "old")
    assert settings.public_base_url == "https://survei.contoh.go.id"


@pytest.mark.parametrize("missing", sorted(TWILIO))
def test_half_set_twilio_is_an_error_that_names_what_is_missing(missing: str) -> None:
    environ = {name: value for name, value in TWILIO.items() if name != missing}
    (problem,) = problems(environ)
    assert "half set" in problem
    assert missing in problem.split("without")[1]


def test_another_twilio_server_without_the_account_is_half_set_too() -> None:
    (problem,) = problems({"TWILIO_API_BASE_URL": "http://127.0.0.1:4010"})
    assert "TWILIO_ACCOUNT_SID" in problem


def test_the_cloud_api_is_on_when_all_of_it_is_set() -> None:
    settings = Settings.from_env(CLOUD | {"CLOUD_APP_SECRET": "new, old"})
    assert settings.cloud and settings.real and not settings.twilio
    assert settings.cloud_app_secrets == ("new", "old")
    assert not Settings().cloud and not Settings().real


@pytest.mark.parametrize("missing", sorted(CLOUD))
def test_half_set_cloud_api_is_an_error_that_names_what_is_missing(missing: str) -> None:
    (problem,) = problems({name: value for name, value in CLOUD.items() if name != missing})
    assert "half set" in problem
    assert missing in problem.split("without")[1]


def test_what_is_optional_alone_is_half_set_too() -> None:
    (problem,) = problems({"CLOUD_API_BASE_URL": "http://127.0.0.1:4010"})
    assert "CLOUD_ACCESS_TOKEN" in problem


def test_a_mail_server_is_known_when_all_of_it_is_set() -> None:
    settings = Settings.from_env(SMTP | {"SMTP_PORT": "465", "SMTP_SECURITY": "tls"})
    assert (settings.smtp_host, settings.smtp_port) == ("pos.contoh.go.id", 465)
    assert "an-invented-password" not in repr(settings)
    assert Settings.from_env({"SMTP_HOST": "localhost", "SMTP_FROM": "a@contoh.go.id",
                              "SMTP_SECURITY": "none"}).smtp_security == "none"  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"SMTP_HOST": ""}, "without SMTP_HOST"),
        ({"SMTP_FROM": ""}, "without SMTP_FROM"),
        ({"SMTP_PASSWORD": ""}, "belong together"),
        ({"SMTP_USER": ""}, "belong together"),
        ({"SMTP_FROM": "survei"}, "SMTP_FROM must be an address"),
        ({"SMTP_FROM": "a@b.id\r\nBcc: <c@d.id>"}, "SMTP_FROM must be an address"),
        ({"SMTP_SECURITY": "ssl"}, "starttls, tls or none"),
        ({"SMTP_SECURITY": "none"}, "on this machine only"),
        ({"SMTP_PORT": "0"}, "SMTP_PORT must be"),
        ({"SMTP_USERNAME": "x"}, "did you mean SMTP_USER?"),
    ],
)
def test_what_a_mail_server_lacks_is_said(change: dict[str, str], words: str) -> None:
    (problem,) = problems(SMTP | change)
    assert words in problem


def test_an_installation_has_one_channel() -> None:
    (problem,) = problems(TWILIO | CLOUD)
    assert "one channel" in problem and "TWILIO_" in problem and "CLOUD_" in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLOUD_PHONE_NUMBER_ID", "+6281200000001"),
        ("CLOUD_API_BASE_URL", "localhost:4010"),
    ],
)
def test_a_malformed_value_of_the_cloud_api_is_an_error(name: str, value: str) -> None:
    (problem,) = problems(CLOUD | {name: value})
    assert problem.startswith(name)


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        {
            "DATABASE_URL": "mysql://root@db/tautan",
            "PORT": "80000",
            "LOG_LEVEL": "debgu",
            "DEFAULT_REGION": "Indonesia",
            "PUBLIC_BASE_URL": "survei.contoh.go.id",
            "TAUTAN_SECRET_KEY": "short",
            "TAUTAN_DATABASE": "x",
        }
    )
    names = {text.split()[0].rstrip(":") for text in found}
    assert names == {
        "DATABASE_URL",
        "PORT",
        "LOG_LEVEL",
        "DEFAULT_REGION",
        "PUBLIC_BASE_URL",
        "TAUTAN_SECRET_KEY",
        "TAUTAN_DATABASE",
    }
    assert any("did you mean DEBUG?" in text for text in found)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("TAUTAN_SECRETKEY", "TAUTAN_SECRET_KEY"),
        ("TWILIO_ACCOUNT_SSID", "TWILIO_ACCOUNT_SID"),
        ("TWILIO_AUTH_TOKENS", "TWILIO_AUTH_TOKEN"),
        ("TWILIO_AUTH_TOKEN_FIL", "TWILIO_AUTH_TOKEN_FILE"),
        ("CLOUD_ACCES_TOKEN", "CLOUD_ACCESS_TOKEN"),
        ("CLOUD_APP_SECRETS", "CLOUD_APP_SECRET"),
        ("CLOUD_PHONE_ID", "CLOUD_PHONE_NUMBER_ID"),
    ],
)
def test_a_misspelt_name_is_an_error_that_names_the_right_one(wrong: str, meant: str) -> None:
    (problem,) = problems({wrong: "value"})
    assert f"did you mean {meant}?" in problem


def test_names_of_other_programs_are_none_of_our_business() -> None:
    others = {"PATH": "/bin", "DATABASE_HOST": "db", "PORTS": "1"}
    # Google's Cloud Run sets these.
    others |= {"CLOUD_RUN_JOB": "x", "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_EXECUTION": "x"}
    assert Settings.from_env(others) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("TWILIO_WHATSAPP_FROM", "+6281200000001"),
        ("TWILIO_MESSAGING_SERVICE_SID", "SM" + "0" * 32),
        ("TWILIO_API_BASE_URL", "localhost:4010"),
        ("PUBLIC_BASE_URL", "https://survei.contoh.go.id/?x=1"),
        ("PUBLIC_BASE_URL", "https://survei_kota.contoh.go.id"),
    ],
)
def test_a_malformed_value_is_an_error(name: str, value: str) -> None:
    (problem,) = problems(TWILIO | {name: value})
    assert problem.startswith(name)


def test_a_database_in_memory_is_refused_because_it_forgets() -> None:
    for url in ("sqlite://", "sqlite:///:memory:"):
        (problem,) = problems({"DATABASE_URL": url})
        assert "names no file" in problem


@pytest.mark.parametrize("name", [v.name for v in VARIABLES if v.secret])
def test_every_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    value = "postgresql://u:p@h/n" if name == "DATABASE_URL" else "s" * 40
    file = tmp_path / "secret"
    file.write_text(value + "\n")
    base = {"TWILIO": TWILIO, "CLOUD": CLOUD, "SMTP": SMTP}.get(name.split("_", maxsplit=1)[0], {})
    rest = {key: text for key, text in base.items() if key != name}
    assert Settings.from_env(rest | {f"{name}_FILE": str(file)}) == Settings.from_env(
        rest | {name: value}
    )


def test_a_secret_file_that_is_missing_empty_or_set_twice_is_an_error(tmp_path: Path) -> None:
    (problem,) = problems({"TAUTAN_SECRET_KEY_FILE": str(tmp_path / "none")})
    assert "cannot be read" in problem
    empty = tmp_path / "empty"
    empty.touch()
    (problem,) = problems({"TAUTAN_SECRET_KEY_FILE": str(empty)})
    assert "is empty" in problem
    (problem,) = problems({"TAUTAN_SECRET_KEY": "s" * 40, "TAUTAN_SECRET_KEY_FILE": str(empty)})
    assert "both set" in problem


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=40, max_size=40))
def test_no_secret_shows_in_the_representation_or_in_an_error(secret: str) -> None:
    environ = TWILIO | {
        "TAUTAN_SECRET_KEY": secret,
        "TWILIO_AUTH_TOKEN": secret,
        "DATABASE_URL": f"postgresql://u:{secret}@h/n",
    }
    settings = Settings.from_env(environ)
    assert secret not in repr(settings)
    assert secret not in str(settings)
    names = ("CLOUD_ACCESS_TOKEN", "CLOUD_APP_SECRET", "CLOUD_VERIFY_TOKEN")
    assert secret not in repr(Settings.from_env(CLOUD | dict.fromkeys(names, secret)))
    wrong = environ | {"DATABASE_URL": f"mysql://u:{secret}@h/n", "PORT": "x"}
    assert secret not in "\n".join(problems(wrong))


def test_the_environment_wins_over_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=8001\nLOG_LEVEL=debug\nLAIN=ya\n")
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("PORT", "8002")
    settings = Settings.from_env(env_file=file)
    assert (settings.port, settings.log_level) == (8002, "DEBUG")


def test_a_misspelt_name_in_the_env_file_is_found_whatever_its_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("DATABSE_URL=postgresql://u:p@h/n\n")
    with pytest.raises(ConfigError, match="did you mean DATABASE_URL"):
        Settings.from_env(env_file=file)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("PORT=8001\n\n\nTWILIO_AUTH_TOKEN abc\n", 4),
        ("PORT=8001\nLOG_LEVEL='debug\n", 2),
        ("LAIN\nPORT=8001\n", 1),
    ],
)
def test_a_line_of_the_env_file_that_is_no_setting_stops_with_its_place(
    tmp_path: Path, text: str, line: int, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / ".env"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(env_file=file)
    (said,) = caught.value.problems
    assert said.startswith(f"{file}:{line}: this line is no setting; write NAME=value")
    assert "abc" not in said
    assert caplog.records == []


def test_an_env_file_in_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SMTP_USER=caf\xe9\n")
    with pytest.raises(ConfigError, match=r"\.env: this is not UTF-8"):
        Settings.from_env(env_file=tmp_path / ".env")


def test_the_secret_is_made_once_beside_the_database_and_kept(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/tautan.db"})
    first = settings.secret(create=True)
    file = tmp_path / "tautan.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = file.read_text()
    again = settings.secret(create=True)
    assert settings.secret(create=False).digest("x", "y") == first.digest("x", "y")
    assert again.digest("x", "y") == first.digest("x", "y")
    assert file.read_text() == kept


def test_only_the_command_that_may_make_a_secret_makes_one(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/tautan.db"})
    with pytest.raises(ConfigError, match="start `tautan run` once"):
        settings.secret(create=False)
    assert not list(tmp_path.iterdir())


def test_postgresql_needs_the_secret_in_the_environment() -> None:
    settings = Settings.from_env({"DATABASE_URL": "postgresql://u:p@h/n"})
    with pytest.raises(ConfigError, match="TAUTAN_SECRET_KEY is not set"):
        settings.secret(create=True)


def test_a_secret_in_the_environment_needs_no_file(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {"DATABASE_URL": f"sqlite:///{tmp_path}/tautan.db", "TAUTAN_SECRET_KEY": "k" * 32}
    )
    settings.secret(create=True)
    assert not list(tmp_path.iterdir())


def test_a_key_file_that_others_can_read_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/tautan.db"})
    file = tmp_path / "tautan.key"
    file.write_text("k" * 43)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        settings.secret(create=False)
    file.chmod(0o600)
    file.write_text("k")
    with pytest.raises(ConfigError, match="damaged"):
        settings.secret(create=False)


def test_a_folder_that_cannot_take_the_key_is_a_clear_error(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/none/tautan.db"})
    with pytest.raises(ConfigError, match="cannot be made"):
        settings.secret(create=True)


def test_nothing_else_of_ours_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for folder in ("bot", "storage")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)|\bgetenv\(", path.read_text(encoding="utf-8"))
    ]
    assert readers == ["bot/config.py"]
