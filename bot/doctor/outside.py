"""The public address, asked from outside: can Twilio reach us, and only Twilio?"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.channels.twilio_probe import Answer, Obstacle, Probe, Unreached
from bot.doctor.findings import Finding, error, ok, warning

SLOW = 2.0  # seconds; after 4 the connection override that we advise asks again

_SELF = (
    " If the address opens on a phone outside your network, only this machine cannot call itself,"
    " and all is well"
)
_OBSTACLES: dict[Obstacle, tuple[str, str]] = {
    "name": ("its name has no address in the DNS", "add an A or AAAA record for it, or correct it"),
    "tls": (
        "its certificate does not hold",
        "let the proxy send a public authority's certificate for this name, with its whole chain",
    ),
    "refused": (
        "nobody listens there",
        "start the proxy and open port 443 in the firewall." + _SELF,
    ),
    "timeout": (
        "it did not answer in time",
        "open port 443 in the firewall; see that proxy and `tautan run` are running." + _SELF,
    ),
    "broken": ("the connection broke", "look into the proxy's log"),
}


def address(base_url: str) -> Finding:
    """Judge the address as it is written."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    fix = "set PUBLIC_BASE_URL in .env to the https:// address that the proxy serves, and restart"
    if _is_private(host):
        return error("address", f"{host} is known to this machine or network only", fix)
    if parts.scheme != "https":
        return error("address", f"{base_url} is not https: answers would travel in the open", fix)
    return ok("address", base_url)


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".local", ".localhost", ".internal", ".lan")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def examine(base_url: str, probe: Probe) -> Iterator[Finding]:
    """Ask the address; what cannot be asked because of an earlier fault is left out."""
    try:
        answer = probe.health()
        if 300 <= answer.status < 400:
            yield _redirected("reached", base_url, answer)
            return
        yield from _health(answer)
        if answer.status == 200:
            yield from _ready(probe.ready())
        yield _signature(base_url, probe.callback(signed=True))
        yield from _unsigned(probe.callback(signed=False))
    except Unreached as unreached:
        what, fix = _OBSTACLES[unreached.obstacle]
        yield error("reached", f"{base_url} was not reached: {what}", fix)


def _redirected(check: str, base_url: str, answer: Answer) -> Finding:
    where = answer.location or "another address"
    return error(
        check,
        f"{base_url} redirects to {where}: a signature does not survive that",
        "put the final address into PUBLIC_BASE_URL, restart, and set it at Twilio too",
    )


def _health(answer: Answer) -> Iterator[Finding]:
    if answer.status == 200 and _says(answer, "status") == "ok":
        yield ok("reached", "Tautan answers over the public address")
    elif answer.status == 200:
        yield error(
            "reached",
            "something answers over the public address, but not Tautan",
            "let the proxy pass requests on to HOST and PORT of `tautan run` (docs/deployment.md)",
        )
    elif answer.status in {502, 503, 504}:
        yield error(
            "reached",
            f"the proxy answers {answer.status}: Tautan does not run behind it",
            "start it (`systemctl start tautan`), and compare HOST and PORT with the proxy",
        )
    else:
        yield warning(
            "reached",
            f"the proxy does not pass /health on (it answers {answer.status})",
            "Twilio does not need it; your monitoring would (docs/deployment.md, the proxy)",
        )


def _ready(answer: Answer) -> Iterator[Finding]:
    if answer.status == 503:
        reason = _says(answer, "reason") or "it does not say why"
        yield error("running", f"the server is not ready: {reason}", "mend that, then ask again")
    elif answer.status == 200 and _says(answer, "channel") == "simulator":
        yield error(
            "running",
            "the server that answers there knows nothing of Twilio",
            "it was started without the TWILIO_ settings, or is another one: restart it here",
        )


def _signature(base_url: str, answer: Answer) -> Finding:
    """Judge the answer to a callback that Twilio's own library has signed: 204 is right."""
    if 300 <= answer.status < 400:
        return _redirected("signature", base_url, answer)
    if answer.status == 403:
        return error(
            "signature",
            "a rightly signed request is refused: the address that arrives is not PUBLIC_BASE_URL,"
            " or the server has another auth token",
            "restart the server after every change of .env; let the proxy neither rewrite nor"
            " decode the path (docs/deployment.md, the proxy)",
        )
    if answer.status == 404:
        return error(
            "signature",
            "/whatsapp/status/… is not there: the proxy does not pass it on, or the server runs"
            " without Twilio",
            "pass /whatsapp and /whatsapp/status/* on, and restart the server with the TWILIO_"
            " settings",
        )
    if answer.status != 204:
        return error(
            "signature",
            f"a signed request gets {answer.status} where 204 is right",
            "look into the server's log; the request came as POST /whatsapp/status/…",
        )
    if answer.seconds > SLOW:
        return warning(
            "signature",
            f"a signed request is taken, but only after {answer.seconds:.1f} s",
            f"find out what is slow: Twilio should have its answer within {SLOW:.0f} s",
        )
    return ok("signature", f"a signed request is taken, in {answer.seconds * 1000:.0f} ms")


def _unsigned(answer: Answer) -> Iterator[Finding]:
    """Judge the answer to a callback that nobody signed: 403 is right. What no proxy lets through
    was told before."""
    if answer.status == 403:
        yield ok("forgery", "a request that nobody signed is refused")
    elif answer.status < 300:
        yield error(
            "forgery",
            "a request that nobody signed is taken: anybody could answer for others",
            "something before Tautan answers by itself, or this is not Tautan: look at the proxy",
        )


def _says(answer: Answer, name: str) -> str:
    try:
        return str(json.loads(answer.body).get(name, ""))
    except (ValueError, AttributeError):
        return ""
