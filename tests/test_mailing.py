"""E-mail: everybody once, whatever the mail server does, and never again who does not want it."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bot.intake.tables import InputError
from bot.interview import codes
from bot.interview.installation import Installation
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch
from bot.outreach.mail.mailing import (
    LEASE,
    MailReport,
    plan_mail,
    send_mail,
    send_sample,
    stop_mail,
)
from bot.outreach.mail.smtp import Postman, Server, Undelivered, Unusable
from bot.outreach.roster.importing import import_roster
from storage.models import Link, Mail, RosterRow
from tests.fake_smtp import FakeSmtp
from tests.rows import change, count, rows
from tests.setup import TestClock, add_unit, installation, publish_bundled
from tests.whatsapp import office

NUMBER = "whatsapp:+6281200000999"
FROM = "Survei Kota Contoh <survei@contoh.go.id>"


@dataclass
class Desk:
    """An installation with a mail server."""

    here: Installation
    server: FakeSmtp
    clock: TestClock
    pauses: list[float] = field(default_factory=list)

    def postman(self, **changes: Any) -> Postman:
        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "security": "none",
            "sender": FROM,
        }
        return Postman(Server(**(values | changes)), timeout=5)

    def send(self, *groups: str, again: bool = False) -> MailReport:
        return send_mail(
            self.here,
            "integritas",
            NUMBER,
            self.postman(),
            groups,
            again=again,
            pause=self.pauses.append,
        )

    @property
    def statuses(self) -> list[str]:
        return sorted(row.status for row in rows(self.here, Mail))

    @property
    def recipients(self) -> list[str]:
        return sorted(one.recipient for one in self.server.letters)


def add_people(here: Installation, folder: Path, people: int = 3) -> None:
    """Put people without a number on the roster, one with a number, one with both."""
    lines = [f"ahli,Orang {n},,orang{n}@contoh.example,U1,narasumber" for n in range(people)]
    lines.append("ahli,Ber Nomor,081200000801,,U1,narasumber")
    lines.append("internal,Ber Dua,081200000802,dua@contoh.example,U1,kepegawaian")
    path = folder / "daftar.csv"
    path.write_text("kelompok,nama,hp_wa,email,unit,sumber_data\n" + "\n".join(lines))
    import_roster(here, path, "integritas")


def made(url: str, folder: Path, people: int = 3) -> Iterator[Desk]:
    clock = TestClock()
    with installation(url, clock=clock) as here, FakeSmtp() as server:
        publish_bundled(here)
        add_unit(here, "Dinas Contoh", code="U1")
        add_people(here, folder, people)
        yield Desk(here, server, clock)
        assert server.problems == []


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    yield from made(database_url, tmp_path)


@pytest.fixture
def desk(either_url: str, tmp_path: Path) -> Iterator[Desk]:
    yield from made(either_url, tmp_path)


def test_a_dry_run_says_whom_it_would_write_to_and_writes_nothing(both):
    plan = plan_mail(both.here, "integritas")
    assert [(one.unit_name, one.group, one.people) for one in plan.places] == [
        ("Dinas Contoh", "ahli", 3)
    ]
    assert (plan.people, plan.by_status) == (3, {})
    everybody = plan_mail(both.here, "integritas", ["internal", "ahli"])
    assert (everybody.people, everybody.without_email) == (4, 1)
    assert rows(both.here, Mail) == [] == rows(both.here, Link)
    with pytest.raises(InputError, match="did you mean 'ahli'"):
        plan_mail(both.here, "integritas", ["ahl"])


def test_everybody_without_a_number_gets_one_letter_and_once(both):
    report = both.send()
    assert (report.sent, report.failed, report.unknown, report.waiting) == (3, 0, 0, 0)
    assert both.recipients == [f"orang{n}@contoh.example" for n in range(3)]
    assert both.pauses == [2.0] * 3
    again = both.send()
    assert (again.sent, len(both.server.letters)) == (0, 3)
    assert both.statuses == ["sent"] * 3
    assert both.send("internal").sent == 1
    assert both.recipients[0] == "dua@contoh.example"


def test_a_letter_has_the_persons_own_link_and_leads_them_to_their_row(sqlite_url, tmp_path):
    with office(sqlite_url) as place, FakeSmtp() as server:
        add_people(place.installation, tmp_path, people=1)
        postman = Postman(Server("127.0.0.1", server.port, "none", FROM))
        send_mail(place.installation, "integritas", NUMBER, postman, pause=lambda _: None)
        (letter,) = server.letters
        (link,) = rows(place.installation, Link)
        text = letter.text()
        assert link.code in text
        assert "https://wa.me/6281200000999?text=Saya%20mau%20mengisi" in text
        ani = place.twilio.person()
        assert "Silakan pilih bahasa" in ani.say(codes.link_text("Survei", link.code))[0]
        claimed = [row for row in rows(place.installation, RosterRow) if row.conversation_id]
        assert [row.id for row in claimed] == [link.roster_row_id]
        assert server.problems == []


def test_a_letter_is_readable_in_both_forms_and_tracks_nobody(desk):
    desk.send()
    letter = desk.server.letters[0]
    message = letter.message
    assert message["Subject"] == "Undangan: Survei Integritas Kota Contoh"
    assert message["From"] == FROM
    assert message["To"] == letter.recipient
    assert message["List-Unsubscribe"] == "<mailto:survei@contoh.go.id?subject=BERHENTI>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@contoh.go.id>")
    plain, html = letter.text(), letter.text("html")
    for wanted in (
        "Inspektorat Kota Contoh mengajak",
        "Bapak/Ibu diundang karena mengenal Pemerintah Kota Contoh.",
        "kami peroleh dari narasumber",
        "+62 812-0000-0999",
        "sampai 31 Januari 2027",
        "survei.contoh.go.id",
        "kata BERHENTI",
    ):
        assert wanted in " ".join(plain.split()), wanted
        assert wanted in html, wanted
    assert '<a href="https://wa.me/6281200000999?text=' in html
    assert "<img" not in html and "src=" not in html
    assert html.count("<a ") == 1
    assert "{{" not in plain
    assert "Orang" not in plain, "no name beside the topic"


def test_somebody_is_written_to_in_their_own_language(either_url, tmp_path):
    with installation(either_url) as here, FakeSmtp() as server:
        publish_bundled(here)
        add_unit(here, code="U1")
        path = tmp_path / "daftar.csv"
        path.write_text("kelompok,nama,hp_wa,email,unit,bahasa\nahli,A <b>,,a@b.example,U1,en\n")
        import_roster(here, path, "integritas")
        postman = Postman(Server("127.0.0.1", server.port, "none", FROM))
        send_mail(here, "integritas", NUMBER, postman, pause=lambda _: None)
        (letter,) = server.letters
        assert letter.message["Subject"] == "Invitation: Contoh City Integrity Survey"
        assert "Dear Sir or Madam" in letter.text()
        assert "until 31 January 2027" in " ".join(letter.text().split())


@pytest.mark.parametrize(
    ("what", "at", "sent", "left"),
    [
        ("drop", "connect", None, "queued"),
        ("drop", "mail", 3, "sent"),
        ("drop", "rcpt", 3, "sent"),
        ("drop", "data", 3, "sent"),
        ("drop", "body", 2, "unknown"),
        ("drop", "dot", 2, "unknown"),
        ("450", "rcpt", 2, "queued"),
        ("421", "rcpt", 2, "queued"),
        ("451", "taken", 2, "queued"),
        ("550", "rcpt", 2, "failed"),
        ("554", "taken", 2, "failed"),
        ("drop", "noop", 3, "sent"),
    ],
)
def test_whatever_the_server_does_nobody_gets_two(desk, what, at, sent, left):
    desk.server.fail(what, at=at)
    if sent is None:
        with pytest.raises(Unusable):
            desk.send()
        assert desk.send().sent == 3
        return
    report = desk.send()
    assert report.sent == sent
    assert desk.statuses.count("sent") == sent
    assert left in desk.statuses
    first = len(desk.server.letters)
    desk.send()
    assert len(desk.server.letters) == first, "another run right away sends nothing anew"
    desk.clock.move(minutes=20)
    desk.send()
    expected = 3 if left in {"sent", "queued"} else 2
    assert len(set(desk.recipients)) == expected + (at == "dot")
    assert len(desk.recipients) == len(set(desk.recipients))


def test_an_unknown_letter_is_told_and_sent_again_only_when_that_is_meant(both):
    both.server.fail("drop", at="dot")
    report = both.send()
    assert report.unknown == 1
    arrived = {one.message["Message-ID"] for one in both.server.letters}
    assert set(report.message_ids) <= arrived, "the operator finds it in the server's log"
    both.server.fail("drop", at="body")
    assert both.send(again=True).unknown == 1
    assert len(both.server.letters) == 3
    report = both.send(again=True)
    assert (report.sent, report.unknown) == (1, 0)
    ids = [one.message["Message-ID"] for one in both.server.letters]
    assert len(ids) == 4
    assert len(set(ids)) == 3, "sent again it is the same letter"


def test_a_run_that_dies_between_handing_over_and_writing_it_down_leaves_an_unknown(both):
    class Killed(BaseException):
        """What a kill is to a process."""

    class Dying(Postman):
        def deliver(self, recipient: str, letter: bytes) -> None:
            super().deliver(recipient, letter)
            raise Killed

    postman = Dying(both.postman().server)
    with pytest.raises(Killed):
        send_mail(both.here, "integritas", NUMBER, postman, pause=lambda _: None)
    assert both.statuses == ["claimed", "queued", "queued"]
    report = both.send()
    assert (report.sent, report.in_hand, report.unknown) == (2, 1, 0)
    change(both.here, Mail, {"lease_until": dt.datetime.now(dt.UTC) - LEASE}, status="claimed")
    report = both.send()
    assert (report.sent, report.in_hand, report.unknown) == (0, 0, 1)
    assert len(both.recipients) == len(set(both.recipients)) == 3


def test_two_runs_at_once_share_the_work(both):
    from tests.respondents import all_at_once

    all_at_once([both.send, both.send, both.send])
    assert both.recipients == [f"orang{n}@contoh.example" for n in range(3)]
    assert count(both.here, Link) == 3


def test_a_server_that_is_away_or_refuses_us_takes_nobodys_turn(desk):
    desk.server.fail("550", at="mail")
    with pytest.raises(Unusable, match="SMTP_FROM"):
        desk.send()
    assert desk.statuses == ["queued"] * 3
    assert [row.attempts for row in rows(desk.here, Mail)] == [0, 0, 0]
    for _ in range(3):
        desk.server.fail("drop", at="mail")
    report = desk.send()
    assert (report.sent, report.waiting) == (0, 3), "after three lost connections a run gives up"
    assert desk.send().sent == 3
    with pytest.raises(Unusable, match="cannot be used"):
        send_mail(desk.here, "integritas", NUMBER, desk.postman(port=1), pause=lambda _: None)


def test_a_server_that_says_later_for_ever_is_believed_in_the_end(desk):
    desk.server.fail("450", at="rcpt", times=100)
    for _ in range(5):
        desk.send()
        desk.clock.move(hours=13)
    assert desk.statuses == ["failed"] * 3
    assert {row.fault for row in rows(desk.here, Mail)} == {450}
    assert {row.attempts for row in rows(desk.here, Mail)} == {5}


def test_who_does_not_want_mail_gets_none_however_the_address_is_written(desk):
    assert stop_mail(desk.here, " Orang1@Contoh.Example ")
    plan = plan_mail(desk.here, "integritas")
    assert (plan.people, plan.opted_out) == (2, 1)
    assert desk.send().sent == 2
    assert "orang1@contoh.example" not in desk.recipients


@pytest.mark.parametrize("typed", ["foo", "orang1@contoh", "orang1 contoh.example", "@", ""])
def test_what_is_no_address_stops_nobody_and_says_so(desk, typed):
    assert not stop_mail(desk.here, typed)
    assert plan_mail(desk.here, "integritas").opted_out == 0


def test_who_stops_begins_or_leaves_the_list_while_letters_wait_gets_none(desk):
    desk.server.fail("450", at="rcpt", times=3)
    assert desk.send().waiting == 3
    stop_mail(desk.here, "orang0@contoh.example")
    left = rows(desk.here, RosterRow)[1].id
    change(desk.here, RosterRow, {"removed": True}, id=left)
    desk.clock.move(minutes=20)
    report = desk.send()
    assert (report.sent, report.dropped) == (1, 2)
    assert desk.recipients == ["orang2@contoh.example"]


def test_nobody_in_a_conversation_is_written_to(either_url, tmp_path):
    with office(either_url) as place, FakeSmtp() as server:
        add_people(place.installation, tmp_path)
        place.twilio.person(phone="+6281200000802").say(place.link_text("internal"))
        plan = plan_mail(place.installation, "integritas", ["internal"])
        assert plan.people == 0
        assert server.letters == []


def test_who_was_written_to_is_not_invited_by_whatsapp_too(both):
    assert both.send("internal").sent == 1
    plan = plan_launch(both.here, "integritas")
    assert (plan.to_invite, plan.invited, plan.without_address) == (1, 1, 3)
    assert launch(both.here, "integritas").invited == 1
    assert both.send("internal", "ahli").sent == 3  # the invited one gets no letter


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ({"opens": "2026-12-01"}, "not open yet"),
        ({"opens": "2026-01-01", "closes": "2026-11-01"}, "closed"),
    ],
)
def test_no_letter_leads_to_a_survey_that_takes_no_answers(sqlite_url, dates, message):
    with installation(sqlite_url) as here:
        publish_bundled(here, **dates)
        with pytest.raises(InputError, match=message):
            plan_mail(here, "integritas")


def test_an_example_goes_to_one_address_with_a_code_that_leads_nowhere(desk):
    send_sample(desk.here, "integritas", NUMBER, desk.postman(), "saya@contoh.example")
    (letter,) = desk.server.letters
    assert "XXXXX-XXXXX" in letter.text()
    assert codes.find(letter.text()).code is None
    assert rows(desk.here, Mail) == [] == rows(desk.here, Link)
    desk.server.fail("550", at="rcpt")
    with pytest.raises(Undelivered, match="550"):
        send_sample(desk.here, "integritas", NUMBER, desk.postman(), "saya@contoh.example")


# encryption and login


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate of 127.0.0.1, and the context of a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pos.contoh.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "pos.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


LETTER = (
    b"From: a@contoh.go.id\r\nTo: b@contoh.example\r\nDate: Mon, 23 Nov 2026 03:00:00 +0000\r\n"
    b"Message-ID: <1@contoh.go.id>\r\nSubject: x\r\n\r\n.satu titik\r\nbiasa\r\n.\r\nakhir\r\n"
)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_login_and_letters_travel_encrypted(certificate, monkeypatch, security):
    path, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    wrapped = security == "tls"
    with FakeSmtp(context=context, wrapped=wrapped, user="survei", password="rahasia") as server:
        found = Server("127.0.0.1", server.port, security, FROM, "survei", "rahasia")
        postman = Postman(found, timeout=5)
        postman.ready()
        postman.deliver("b@contoh.example", LETTER)
        postman.close()
        (letter,) = server.letters
        assert letter.raw == LETTER, "dots at the beginning of lines arrive as they were"
        assert not any("MAIL" in one or "AUTH" in one for one in server.plain_commands)
        assert server.problems == []
        wrong = Postman(Server("127.0.0.1", server.port, security, FROM, "survei", "salah"))
        with pytest.raises(Unusable, match="SMTP_USER and SMTP_PASSWORD"):
            wrong.ready()
        assert "rahasia" not in repr(found)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_cannot_prove_itself_hears_nothing(certificate, security):
    _, context = certificate
    wrapped = security == "tls"
    with FakeSmtp(context=context, wrapped=wrapped, user="survei", password="rahasia") as server:
        found = Server("127.0.0.1", server.port, security, FROM, "survei", "rahasia")
        with pytest.raises(Unusable, match="cannot be used"):
            Postman(found, timeout=5).ready()
        assert not any(one.startswith(("AUTH", "MAIL")) for one in server.commands)


def test_a_server_without_encryption_is_not_written_to_in_the_open():
    with FakeSmtp(user="survei", password="rahasia") as server:
        found = Server("127.0.0.1", server.port, "starttls", FROM, "survei", "rahasia")
        with pytest.raises(Unusable, match="no STARTTLS"):
            Postman(found, timeout=5).ready()
        assert not any(one.startswith("AUTH") for one in server.commands)
