"""A strict stand-in for Twilio and WhatsApp: REST API, webhooks, status callbacks, people.

    with FakeTwilio(webhook_url="http://127.0.0.1:8000/whatsapp") as twilio:
        ani = twilio.person()
        assert ani.say("halo") == ["Selamat datang …"]

The program under test is given `twilio.base_url`, `account_sid`, `auth_token` and `sender`. It
refuses what Twilio refuses; what a real application would only find in Twilio's debugger is in
`twilio.errors`, and TwiML that Twilio would not carry out fails the test at once. Requests are
signed by Twilio's own library, so that Twilio's code proves ours.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit
from xml.etree import ElementTree

import urllib3
from twilio.request_validator import (
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)
from werkzeug.test import Client as WsgiClient

from tests.fake_twilio_account import Sender, Service
from tests.fake_twilio_api import Server
from tests.fake_twilio_content import Content, judge, rendered, shown
from tests.fake_twilio_media import Store
from tests.fake_twilio_person import Person
from tests.fake_twilio_rules import (
    MAX_BODY,
    Faults,
    Overrides,
    Record,
    TwimlError,
    length,
    parsed_twiml,
)

WINDOW = timedelta(hours=24)
# What a message comes back with whose template WhatsApp has stopped.
_STOPPED = {"rejected": 63040, "paused": 63041, "disabled": 63042}

# Posts a body with headers to a URL and returns status, headers and body. It raises
# ConnectionError where nobody listens and TimeoutError where nobody answers in time.
Post = Callable[[str, bytes, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]
# Asks (HEAD, GET) for a URL and returns the same.
Fetch = Callable[[str, str], tuple[int, Mapping[str, str], bytes]]

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Files that WhatsApp takes: how they begin, and how long they may be (Twilio, "Guidance on WhatsApp
# media messages").
MEDIA: Mapping[str, tuple[bytes, int]] = {
    "image/png": (b"\x89PNG", 5 << 20),
    "image/jpeg": (b"\xff\xd8\xff", 5 << 20),
    "application/pdf": (b"%PDF", 16 << 20),
    "audio/ogg": (b"OggS", 16 << 20),
    _XLSX: (b"PK", 16 << 20),
}


@dataclass(frozen=True)
class Problem:
    """What Twilio's debugger would show."""

    code: int
    text: str


@dataclass(frozen=True)
class Callback:
    """A status callback that was posted, and the HTTP status of its answer (None: no answer)."""

    url: str
    form: Mapping[str, str]
    answer: int | None


def _went_well(answer: tuple[int, Mapping[str, str], bytes] | None) -> bool:
    return answer is not None and 200 <= answer[0] < 300


def wsgi_post(app: Any, base_url: str) -> Post:
    """Return a `post` that calls a WSGI application, such as a Flask app, without a server.

    Safe in many threads. What the application raises goes through to the caller.
    """

    def post(url: str, body: bytes, headers: Mapping[str, str]) -> Any:
        assert url.startswith(base_url), f"{url} is not below {base_url}"
        client = WsgiClient(app, use_cookies=False)
        path = url[len(base_url) :]
        response = client.post(path, base_url=base_url, data=body, headers=dict(headers))
        try:
            return response.status_code, response.headers, response.data
        finally:
            response.close()

    return post


def wsgi_fetch(app: Any, base_url: str) -> Fetch:
    """Return a `fetch` for the files of a WSGI application; elsewhere there are none."""

    def fetch(method: str, url: str) -> Any:
        if not url.startswith(base_url):
            return 404, {}, b""
        client = WsgiClient(app, use_cookies=False)
        response = client.open(url[len(base_url) :], base_url=base_url, method=method)
        try:
            return response.status_code, response.headers, response.data
        finally:
            response.close()

    return fetch


class FakeTwilio:
    """A Twilio account with one WhatsApp sender, served on loopback while it is entered.

    `webhook_url` is where inbound messages go (with connection overrides in its fragment);
    `post` calls the program under test without a server. `clock` says what time it is at Twilio.
    `fetch` gets the files that we send from the program, where it has no server either.
    `pair_rate` switches WhatsApp's limit per person on. `statuses` are what becomes of a message
    that arrives; `read` only comes from people whose `read_receipts` are on.
    """

    def __init__(
        self,
        *,
        webhook_url: str | None = None,
        post: Post | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sender: str = "whatsapp:+6281200000999",
        seed: int = 0,
        pair_rate: bool = False,
        statuses: tuple[str, ...] = ("sent", "delivered", "read"),
        callback_threads: int = 1,
        fetch: Fetch | None = None,
    ) -> None:
        self.account_sid = f"AC{seed:032x}"
        self.auth_tokens = ["0123456789abcdef0123456789abcdef"]  # the first one signs
        self.shared_key: tuple[str, str] | None = None  # id and secret: sign with SHA-256
        self.sender = sender
        self.messaging_service_sid = f"MG{seed:032x}"
        self.account_status, self.account_type = "active", "Full"
        self.senders = [Sender(sender)]
        self.service = Service(senders=[sender])
        self.webhook_url = webhook_url
        self.fallback_url: str | None = None  # called when the webhook has failed to the end
        self.default_callback: str | None = None  # for messages that name none
        self.clock = clock
        self.pair_rate = pair_rate
        self.statuses = statuses
        self.faults = Faults(seed)
        self.door: Callable[[], None] = lambda: None  # where a request to the API may have to wait
        self.errors: list[Problem] = []
        self.callbacks: list[Callback] = []
        self.requests: list[tuple[str, str]] = []
        self.messages: dict[str, Record] = {}
        self.contents: dict[str, Content] = {}
        self._contents = itertools.count(1)
        self.blocked_names: dict[tuple[str, str], datetime] = {}  # of templates, by language
        self.store = Store()
        self.people: dict[str, Person] = {}
        self.lock = threading.RLock()
        self._phones = itertools.count(1)
        self._post = post
        self._fetcher = fetch
        self._pool = urllib3.PoolManager(maxsize=64)
        self._jobs: queue.SimpleQueue[tuple[Record, list[str]] | None] = queue.SimpleQueue()
        self._open_jobs = 0
        self._idle = threading.Condition()
        self._flow = threading.Event()
        self._flow.set()
        self._threads = [
            threading.Thread(target=self._work, name=f"fake-twilio-{n}", daemon=True)
            for n in range(callback_threads)
        ]
        self._server: Server | None = None

    def __enter__(self) -> FakeTwilio:
        self._server = Server(self)
        self._server.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._flow.set()
        for _thread in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(20)
        if self._server is not None:
            self._server.stop()
        self.store.stop()
        self._pool.clear()

    @property
    def base_url(self) -> str:
        """Return the address to use instead of https://api.twilio.com and all others."""
        assert self._server is not None, "enter FakeTwilio first: with FakeTwilio() as twilio"
        return self._server.base_url

    @property
    def auth_token(self) -> str:
        """Return the token that webhooks are signed with."""
        return self.auth_tokens[0]

    def person(
        self,
        phone: str | None = None,
        bsuid: str | None = None,
        parent: str | None = None,
        **attributes: Any,
    ) -> Person:
        """Let somebody have WhatsApp, reachable under these addresses (a phone if none is given).

        An address that somebody else had is theirs from now on, as with recycled numbers.
        """
        if phone is None and bsuid is None and parent is None:
            phone = f"+6281200{next(self._phones):06d}"
        person = Person(self, phone, bsuid, parent, **attributes)
        with self.lock:
            self.people.update(dict.fromkeys(person.reachable, person))
        return person

    def content(
        self,
        types: Mapping[str, Any],
        variables: Mapping[str, str] | None = None,
        *,
        approved: bool = True,
        language: str = "id",
        name: str = "content",
    ) -> str:
        """Store content as the Content API would, approved or not, and return its HX id."""
        made = Content(self.content_id(), name, language, dict(variables or {}), dict(types))
        if approved and not made.session_only:
            made.approval = made.approval | {"status": "approved"}
        self.contents[made.sid] = made
        return made.sid

    def content_id(self) -> str:
        """Return an id that no content has. An account gives the same ones at each run, so that a
        survey that names them is the same text in every test and compiled once."""
        return (
            f"HX{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.account_sid} {next(self._contents)}').hex}"
        )

    def judge(
        self, sid: str, status: str, reason: str = "", *, category: str | None = None
    ) -> None:
        """Let WhatsApp decide on a template: pending, approved, rejected, paused or disabled."""
        judge(self, self.contents[sid], status, reason, category)

    def outbound(self) -> list[Record]:
        """Return all messages of the program under test, oldest first."""
        with self.lock:
            return [r for r in self.messages.values() if r.direction != "inbound"]

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until all status callbacks are posted. Raises TimeoutError."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._open_jobs == 0, timeout):
                raise TimeoutError(f"{self._open_jobs} messages wait for their callbacks")

    @contextlib.contextmanager
    def callbacks_held(self) -> Iterator[None]:
        """Post no status callback before the block ends."""
        self._flow.clear()
        try:
            yield
        finally:
            self._flow.set()

    def problem(self, code: int, text: str) -> None:
        """Keep what Twilio's debugger would show."""
        with self.lock:
            self.errors.append(Problem(code, text))

    def accept(self, record: Record, variables: Mapping[str, str] | None = None) -> Record:
        """Take a message: deliver it or not, and have its fate told to its callback URL."""
        person = self.people.get(record.to)
        content = self.contents.get(record.content_sid or "")
        if content is not None:
            record.body, record.options = rendered(content, variables or {})
        code = self._fate(record, person, content, variables or {})
        if code is None and record.media_url is not None:
            code = self._fetch(record)
        with self.lock:
            self.messages[record.sid] = record
        if code is None and person is not None:
            person.receive(record)
            statuses = [s for s in self.statuses if s != "read" or person.read_receipts]
        else:
            record.error_code = code
            statuses = ["failed" if code in (63016, 63018, 63028) else "undelivered"]
        with self._idle:
            self._open_jobs += 1
        self._jobs.put((record, statuses))
        return record

    def hidden(self, form: Mapping[str, str]) -> None:
        """Keep an inbound message whose webhook never comes: only Twilio's list has it."""
        now = self.clock()
        sid = form["MessageSid"]
        record = Record(sid, "inbound", form["From"], form["To"], form["Body"], now, "received")
        with self.lock:
            self.messages[sid] = record
            person = self.people.get(form["From"])
        if person is not None:
            person.wrote_at = now

    def receive(self, form: Mapping[str, str], at: datetime) -> None:
        """Keep an inbound message, post it to the webhook and carry out the TwiML it answers."""
        sid = form["MessageSid"]
        record = Record(sid, "inbound", form["From"], form["To"], form["Body"], at, "received")
        record.media = int(form["NumMedia"])
        with self.lock:
            self.messages.setdefault(sid, record)
        if self.webhook_url is None:
            raise ValueError("FakeTwilio has no webhook_url: nobody is there to hear")
        answer = self._webhook(self.webhook_url, form)
        if not _went_well(answer):
            self.problem(11200, f"inbound webhook: {answer[0] if answer else 'no answer'}")
            if self.fallback_url is None:
                return
            told = {"ErrorCode": "11200", "ErrorUrl": urldefrag(self.webhook_url)[0]}
            answer = self._webhook(self.fallback_url, {**form, **told})
        if answer is None or not _went_well(answer):
            return
        for body, action in self._replies(answer):
            if self.faults.strikes("twiml_lost"):
                continue
            silent = action is not None and self.faults.strikes("twiml_no_callback")
            self.accept(
                Record(
                    sid=f"SM{uuid.uuid4().hex}",
                    direction="outbound-reply",
                    from_=form["To"],
                    to=form["From"],
                    body=body,
                    at=self.clock(),
                    status="queued",
                    callback=None if silent else action or self.default_callback,
                    action=action,
                )
            )

    def _fate(
        self,
        record: Record,
        person: Person | None,
        content: Content | None,
        variables: Mapping[str, str],
    ) -> int | None:
        """Return the error that keeps the message from arriving, or None."""
        if person is None:
            return 63024
        if person.failure is not None:
            return person.failure
        if self.pair_rate and not person.takes_one_more(record.at):
            return 63018
        shut = person.wrote_at is None or record.at - person.wrote_at > WINDOW
        if shut and (content is None or content.approval["status"] != "approved"):
            return _STOPPED.get(content.approval["status"], 63016) if content else 63016
        if content is not None and not content.names <= variables.keys():
            return 63028
        if content is not None and not shown(content, variables):
            return 63013
        return None

    def _fetch(self, record: Record) -> int | None:
        """Fetch the file of a message as Twilio does: HEAD, then GET, whose type must be true."""
        assert record.media_url is not None
        types = []
        for method in ("HEAD", "GET"):
            status, headers, content = self._get(method, record.media_url)
            if status != 200:
                self.problem(11200, f"{method} of the media answered {status}")
                return 63019
            types.append(headers.get("Content-Type", ""))
        mime = types[0].partition(";")[0]
        known = MEDIA.get(mime)
        if types[0] != types[1] or known is None or not content.startswith(known[0]):
            self.problem(12300, f"Invalid Content-Type {types}")
            return 63019
        if len(content) > known[1]:
            self.problem(11751, f"{len(content)} bytes of {mime} are too many")
            return 63019
        if length(record.body) > 1024:
            return 63013
        record.file = (mime, content)
        if not mime.startswith("image/"):
            record.body = ""  # Twilio gives no caption to documents
        return None

    def _get(self, method: str, url: str) -> tuple[int, Mapping[str, str], bytes]:
        if self._fetcher is not None:
            return self._fetcher(method, url)
        if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
            return 404, {}, b""
        answer = self._pool.request(method, url, retries=False, redirect=False)
        return answer.status, answer.headers, answer.data

    def _replies(self, answer: tuple[int, Mapping[str, str], bytes]) -> list[Any]:
        """Read the answer of the inbound webhook: (text, action) of every message."""
        _, headers, body = answer
        if not body.strip():
            return []
        try:
            kind = headers.get("Content-Type", "").partition(";")[0].strip()
            if kind not in ("text/xml", "application/xml"):
                raise TwimlError(f"12300: content type {kind!r} is not text/xml")
            return [self._reply(element) for element in parsed_twiml(body)]
        except TwimlError as error:
            self.problem(int(str(error)[:5]), str(error))
            raise

    def _reply(self, element: ElementTree.Element) -> tuple[str, str | None]:
        bodies = element.findall("Body")
        text = bodies[0].text if bodies else element.text
        if not text or not text.strip():
            raise TwimlError("14103: <Message> has nothing to say")
        if length(text) > MAX_BODY:
            raise TwimlError("21617: <Message> is longer than 1600 characters")
        action = element.get("action") or element.get("statusCallback")
        return text, urljoin(self.webhook_url or "", action) if action else None

    def _work(self) -> None:
        """Post the callbacks of one message after the other."""
        while (job := self._jobs.get()) is not None:
            self._flow.wait()
            try:
                self._tell(*job)
            except Exception as error:
                # It has to be seen, and those of other messages still have to go.
                self.problem(11200, f"status callback raised {error!r}")
            finally:
                with self._idle:
                    self._open_jobs -= 1
                    self._idle.notify_all()

    def _tell(self, record: Record, statuses: list[str]) -> None:
        record.status = statuses[-1] if statuses else record.status
        if not record.callback or self.faults.strikes("callback_missing"):
            return
        if self.faults.strikes("callback_duplicate"):
            statuses = [status for status in statuses for _ in range(2)]
        if self.faults.strikes("callback_reversed"):
            statuses = statuses[::-1]
        for status in statuses:
            form = self._status_form(record, status)
            answer = self._webhook(record.callback, form)
            self.callbacks.append(Callback(record.callback, form, answer[0] if answer else None))
            if answer is None or not 200 <= answer[0] < 300:
                self.problem(11200, f"status callback: {answer[0] if answer else 'no answer'}")
            elif answer[2]:
                self.problem(12200, "status callback: the answer must have no body")

    def _status_form(self, record: Record, status: str) -> dict[str, str]:
        form = {
            "ChannelPrefix": "whatsapp",
            "ChannelInstallSid": f"XE{1:032x}",
            "ApiVersion": "2010-04-01",
            "MessageStatus": status,
            "SmsStatus": status,
            "SmsSid": record.sid,
            "MessageSid": record.sid,
            "AccountSid": self.account_sid,
            "From": record.from_,
            "To": record.to,
        }
        if record.service_sid:
            form["MessagingServiceSid"] = record.service_sid
        if record.error_code is not None:
            form["ErrorCode"] = str(record.error_code)
            form["ChannelStatusMessage"] = f"refused with {record.error_code}"
        if status == "read":
            form["EventType"] = "READ"
        person = self.people.get(record.to)
        if person is not None and status in ("delivered", "read"):
            form |= person.user_ids()
        return form

    def _webhook(
        self, url: str, form: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        """Post a signed form, again where the URL's connection overrides say so.

        The answer of the last attempt, whatever its status; None if there was none.
        """
        target, fragment = urldefrag(url)
        overrides = Overrides.parse(fragment)
        headers = self.signed(target, form)
        body = urlencode(form).encode()
        started = time.monotonic()
        for attempt in itertools.count():
            answer, failure = self._attempt(target, body, headers, overrides)
            late = time.monotonic() - started > overrides.total
            if failure is None or late or attempt >= overrides.retries:
                return answer
            if not overrides.again_after(failure):
                return answer
        raise AssertionError("unreachable")

    def _attempt(
        self, url: str, body: bytes, headers: Mapping[str, str], overrides: Overrides
    ) -> tuple[tuple[int, Mapping[str, str], bytes] | None, str | None]:
        """Post once and return the answer, and what failed: ct, rt, 4xx, 5xx or nothing."""
        if self.faults.strikes("no_connection"):
            return None, "ct"
        try:
            if self._post is not None:
                answer = self._post(url, body, headers)
            else:
                answer = self._http_post(url, body, headers, overrides)
        except ConnectionError:
            return None, "ct"
        except TimeoutError:
            return None, "rt"
        if self.faults.strikes("reply_lost"):
            return None, "rt"
        family = answer[0] // 100
        return answer, f"{family}xx" if family in (4, 5) else None

    def _http_post(
        self, url: str, body: bytes, headers: Mapping[str, str], overrides: Overrides
    ) -> tuple[int, Mapping[str, str], bytes]:
        local = urlsplit(url).hostname in ("127.0.0.1", "localhost")
        assert local, f"{url} is not on this machine: pass post= to FakeTwilio"
        timeout = urllib3.Timeout(connect=overrides.connect, read=overrides.read)
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=headers, retries=False, timeout=timeout
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            raise ConnectionRefusedError(url) from None
        except urllib3.exceptions.HTTPError as error:
            raise TimeoutError(str(error)) from error
        return response.status, response.headers, response.data

    def signed(self, url: str, form: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a webhook, signed by Twilio's own library."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
        }
        if self.shared_key is None:
            signature = RequestValidator(self.auth_token).compute_signature(url, form)
        else:
            name, secret = self.shared_key
            headers[SIGNATURE_SETTINGS_HEADER] = f"key={name},algorithm={HMAC_SHA256}"
            signature = RequestValidator(secret).compute_signature(url, form, HMAC_SHA256)
        return headers | {SIGNATURE_HEADER: signature}
