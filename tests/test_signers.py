"""The webhook takes what independent signers sign: Twilio's published examples, OpenSSL, Node.

The rule, in Twilio's words ("Validating signatures"): take the full URL, append each POST
parameter's name and value, sorted by name, without delimiters; HMAC with the auth token; Base64.
None of the signers here is ours or from Twilio's Python library.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlencode

import pytest

from bot.channels.twilio_forms import signed
from tests.setup import SECRET, TestClock
from tests.whatsapp import BASE, Office, office

Pairs = Sequence[tuple[str, str]]
Signer = Callable[[str, Pairs, str, str], str]
"""Signs a URL and its parameters with a key and a hash, sha1 or sha256."""

# As Twilio publishes them, in its documentation and its libraries for other languages; the token
# of all of them is 12345.
TOKEN = b"12345"
PARAMETERS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
PUBLISHED = [
    (
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        PARAMETERS,
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
    (
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        [
            *(("Sid", "CA123"), ("SidAccount", "AC123")),
            *(("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")),
        ],
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
    ),
    (
        "https://MyCompany.com/myapp.php?foo=1&bar=2",
        PARAMETERS,
        "g9IN/x4Cft2g517EjYvEvM/W7LU=",
    ),
    (
        "https://MyCompany.com:1234/myapp.php?foo=1&bar=2",
        PARAMETERS,
        "PCqOZm8cnu/L6+u5i5fuEd+Iac4=",
    ),
]


def openssl(url: str, pairs: Pairs, key: str, digest: str) -> str:
    """Sign with OpenSSL's command; the text is put together by hand."""
    text = url
    for name in sorted({name for name, _ in pairs}):
        for value in sorted({value for given, value in pairs if given == name}):
            text += name
            text += value
    asked = ["openssl", "dgst", f"-{digest}", "-binary", "-hmac", key]
    raw = subprocess.run(asked, input=text.encode(), capture_output=True, check=True).stdout
    done = subprocess.run(["openssl", "base64", "-A"], input=raw, capture_output=True, check=True)
    return done.stdout.decode()


NODE = """
const [url, pairs, key, digest] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const byName = new Map();
for (const [name, value] of pairs) {
  byName.set(name, (byName.get(name) ?? new Set()).add(value));
}
let text = url;
for (const name of [...byName.keys()].sort()) {
  for (const value of [...byName.get(name)].sort()) text += name + value;
}
process.stdout.write(
  require('crypto').createHmac(digest, key).update(Buffer.from(text, 'utf-8')).digest('base64'));
"""


def node(url: str, pairs: Pairs, key: str, digest: str) -> str:
    """Sign with Node's own crypto, as Twilio's library for it does."""
    given = json.dumps([url, list(pairs), key, digest])
    done = subprocess.run(
        ["node", "-e", NODE], input=given.encode(), capture_output=True, check=True
    )
    return done.stdout.decode()


def by_hand(url: str, pairs: Pairs, key: str, digest: str) -> str:
    """Sign with two bare hashes, as RFC 2104 writes HMAC down."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    block = key.encode().ljust(64, b"\0")
    inner = hashlib.new(digest, bytes(byte ^ 0x36 for byte in block) + text.encode()).digest()
    outer = hashlib.new(digest, bytes(byte ^ 0x5C for byte in block) + inner).digest()
    return base64.b64encode(outer).decode()


# A machine needs neither OpenSSL's command nor Node; where they are, they have their say.
SIGNERS: list[Signer] = [
    by_hand,
    *([openssl] if shutil.which("openssl") else []),
    *([node] if shutil.which("node") else []),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    url = f"sqlite:///{tmp_path_factory.mktemp('signers') / 'tautan.db'}"
    with office(url, clock=TestClock()) as opened:
        yield opened


def form(place: Office, text: str = "halo") -> list[tuple[str, str]]:
    """Return an inbound form, with what signers get wrong: blanks, signs, other alphabets."""
    person = place.twilio.person()
    return [
        *person.form(text).items(),
        ("MediaUrl0", ""),
        ("Baru", "1+1=2 & ½ é 🙏"),
        ("baru", "small letters come after capitals"),
        ("Baru2", "%20+ \n"),
    ]


def post(place: Office, pairs: Pairs, signature: str, path: str, settings: str = "") -> int:
    headers = {"X-Twilio-Signature": signature}
    if settings:
        headers["X-Twilio-Webhooks-Signature-Settings"] = settings
    return (
        place.app.test_client()
        .post(
            path,
            base_url=BASE,
            data=urlencode(pairs),
            content_type="application/x-www-form-urlencoded",
            headers=headers,
        )
        .status_code
    )


# the published examples


@pytest.mark.parametrize(("url", "pairs", "signature"), PUBLISHED)
def test_twilios_published_signatures_are_accepted(url, pairs, signature):
    assert signed([url], pairs, [TOKEN], signature)
    assert signed([url], reversed(pairs), [TOKEN], signature), "whatever their order"
    assert not signed([url], pairs[1:], [TOKEN], signature)
    assert not signed([url + "3"], pairs, [TOKEN], signature)
    assert not signed([url], pairs, [b"12346"], signature)


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize(("url", "pairs", "signature"), PUBLISHED)
def test_the_signers_here_make_the_published_signatures(signer: Signer, url, pairs, signature):
    assert signer(url, pairs, TOKEN.decode(), "sha1") == signature


# the routes


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize(
    "path",
    [
        "/whatsapp",
        "/whatsapp?x=%C3%A9&y=a%2fb",
        "/whatsapp/status/0d9e605b548c40f7b25bfdc1409bde98",
    ],
)
def test_the_webhook_takes_what_others_sign(place, signer: Signer, path):
    pairs = form(place)
    if "status" in path:
        pairs += [("MessageStatus", "delivered")]
    taken = 204 if "status" in path else 200
    signature = signer(BASE + path, pairs, place.twilio.auth_token, "sha1")
    assert post(place, pairs, signature, path) == taken
    assert post(place, [*pairs[:-1], ("Baru2", "x")], signature, path) == 403
    assert post(place, pairs, signature[::-1], path) == 403


@pytest.mark.parametrize("signer", SIGNERS)
def test_with_and_without_the_port_is_the_same(place, signer: Signer):
    pairs = form(place)
    for base in (BASE, f"{BASE}:443"):
        signature = signer(f"{base}/whatsapp", pairs, place.twilio.auth_token, "sha1")
        assert post(place, pairs, signature, "/whatsapp") == 200
    signature = signer(f"{BASE}:8443/whatsapp", pairs, place.twilio.auth_token, "sha1")
    assert post(place, pairs, signature, "/whatsapp") == 403


@pytest.mark.parametrize("signer", SIGNERS)
def test_shared_keys_sign_with_sha256(place, signer: Signer):
    """Twilio's beta: another key and SHA-256, told in a header of their own."""
    pairs, key = form(place), place.twilio.auth_token
    settings = "key=WK0123,algorithm=HMAC_SHA256"
    signature = signer(f"{BASE}/whatsapp", pairs, key, "sha256")
    assert post(place, pairs, signature, "/whatsapp", settings) == 200
    assert post(place, pairs, signature, "/whatsapp") == 403, "SHA-256 is not taken for SHA-1"
    weak = signer(f"{BASE}/whatsapp", pairs, key, "sha1")
    assert post(place, pairs, weak, "/whatsapp", settings) == 403
    assert post(place, pairs, signature, "/whatsapp", "key=WK0123,algorithm=NONE") == 403
    other = signer(f"{BASE}/whatsapp", pairs, SECRET, "sha256")
    assert post(place, pairs, other, "/whatsapp", settings) == 403
