"""Take the pictures of the documentation: a demo, a browser, and a whole interview in it.

    make screenshots                    # into docs/images
    python tests/screenshots/take.py --days 5 --into /tmp/pictures

Everything happens on this machine: the demo's server listens on a free loopback port, its database
lies in a folder that goes away again, and the browser may resolve no name.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
DESKTOP, PHONE = (1080, 720), (360, 700)
PATIENCE = 30.0  # seconds until the server answers, or the next message is there
MOST_TURNS = 60
READING = 2500  # milliseconds: a text that comes at once answers no question (min_answer_seconds)
FLAGS = (
    "--no-sandbox",  # as root, in a container; only our own page is opened
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
MISSING = """\
There is no Chromium at {path}.
On Debian and Ubuntu: sudo apt-get install chromium
Elsewhere: make screenshots CHROMIUM=/path/to/chromium"""


def main() -> int:
    """Take all pictures; return the exit code."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--days", type=int, default=9, help="days to play first")
    asked.add_argument("--into", type=Path, default=ROOT / "docs" / "images")
    options = asked.parse_args()
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if shutil.which(chromium) is None:
        print(MISSING.format(path=chromium), file=sys.stderr)
        return 1
    options.into.mkdir(parents=True, exist_ok=True)
    with demo(options.days) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            take(browser, base, options.into)
        finally:
            browser.close()
    return 0


@contextmanager
def demo(days: int) -> Iterator[str]:
    """Play some days, serve them, and yield the server's address."""
    with tempfile.TemporaryDirectory(prefix="tautan-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        ours = ("DATABASE_", "TAUTAN_", "TWILIO_", "PUBLIC_")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        environ |= {
            "PYTHONPATH": str(ROOT),
            "FLOWS_DIR": str(ROOT / "flows"),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "LOG_LEVEL": "WARNING",
        }
        tautan = [sys.executable, "-c", "from bot.cli import main; main()"]
        print(f"Playing {days} days ...", flush=True)
        played = [*tautan, "demo", "--days", str(days)]
        subprocess.run(played, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
        with (Path(folder) / "server.log").open("w+") as log:
            server = subprocess.Popen(
                [*tautan, "run", "--demo"], cwd=folder, env=environ, stdout=log, stderr=log
            )
            try:
                base = f"http://127.0.0.1:{port}"
                wait_for(base, server, log)
                yield base
            finally:
                server.terminate()
                server.wait(timeout=30)


def wait_for(base: str, server: subprocess.Popen[bytes], log: IO[str]) -> None:
    """Return once the server is ready; show its log if it does not come up."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    log.seek(0)
    raise RuntimeError(f"the server did not come up:\n{log.read()}")


def take(browser: Browser, base: str, into: Path) -> None:
    """Take each picture, and hold a whole interview on the way."""
    simulator = f"{base}/simulator"

    def shoot(page: Page, name: str) -> None:
        page.mouse.move(0, 0)
        page.wait_for_timeout(400)  # letters and bubbles have settled
        page.screenshot(path=into / f"{name}.png", animations="disabled")
        print(f"  {name}.png", flush=True)

    with opened(browser, simulator, DESKTOP) as page:
        shoot(page, "simulator-start")
        visit(page, base, "pegawai")
        page.locator(".bubble .tag").last.wait_for()
        shoot(page, "simulator-invitation")
        interview(page, lambda turn: shoot(page, "simulator-interview") if turn == 8 else None)
        shoot(page, "simulator-end")
        visit(page, base, "koordinator")
        page.get_by_role("button", name="PROGRES").click()
        page.locator(".bubble.mine").last.wait_for()
        shoot(page, "coordinator-digest")
    with opened(browser, simulator, DESKTOP, scheme="dark") as page:
        visit(page, base, "perantau")
        interview(page, turns=6)
        shoot(page, "simulator-dark")
    with opened(browser, simulator, PHONE) as page:
        shoot(page, "phone-people")
        visit(page, base, "warga")
        page.locator(".start").first.click()
        answered(page, 0)
        interview(page, turns=5)
        shoot(page, "phone-interview")
    with opened(browser, simulator, PHONE, scheme="dark") as page:
        visit(page, base, "koordinator")
        shoot(page, "phone-dark")
    for scheme in ("light", "dark"):
        with opened(browser, simulator, PHONE, scheme=scheme) as page:
            visit(page, base, "koordinator")
            for words in ("RINCIAN", "GRAFIK"):
                ask(page, words)
                shoot(page, f"coordinator-{words.lower()}-{scheme}")
    for scheme in ("light", "dark"):
        with opened(browser, f"{base}/asli", PHONE, scheme=scheme, ready="h1") as page:
            shoot(page, f"asli-{scheme}")


@contextmanager
def opened(
    browser: Browser,
    address: str,
    size: tuple[int, int],
    scheme: str = "light",
    ready: str = ".person",
) -> Iterator[Page]:
    """Yield a page in a fresh profile once it has `ready`; what it complains of is raised."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="id-ID",
        reduced_motion="reduce",
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(address)
    page.locator(ready).first.wait_for()
    yield page
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    context.close()
    if wide:
        wrong.append(f"the page is wider than {size[0]} pixels")
    if wrong:
        raise RuntimeError("the page complained:\n" + "\n".join(wrong))


def visit(page: Page, base: str, person: str) -> None:
    """Open somebody's chat."""
    page.goto(f"{base}/simulator#{person}")
    page.locator("#foot").wait_for()
    page.locator(".bubble, .intro .card").first.wait_for()


def interview(
    page: Page, after: Callable[[int], object] = lambda _turn: None, turns: int = MOST_TURNS
) -> None:
    """Tap and write until the closing words, or for some turns; `after(turn)` follows each."""
    for turn in range(1, turns + 1):
        said = page.locator(".bubble.mine").count()
        last = page.locator(".bubble:not(.mine)").last
        choices, buttons = last.locator(".choices button"), last.locator(".buttons button")
        if choices.count():
            choices.nth(1 if choices.count() > 2 else 0).click()
        elif buttons.count():
            buttons.first.click()
        else:
            page.wait_for_timeout(READING)
            page.locator("#text").fill("Antrean sudah rapi, terima kasih.")
            page.locator(".send").click()
        answered(page, said)
        if "Percakapan ini boleh dihapus" in page.locator(".bubble").last.inner_text():
            return
        after(turn)
    if turns == MOST_TURNS:
        raise RuntimeError(f"no closing words after {turns} turns")


def ask(page: Page, words: str) -> None:
    """Write a coordinator's word and show the answer, with its picture if there is one."""
    said = page.locator(".bubble.mine").count()
    page.locator("#text").fill(words)
    page.locator(".send").click()
    answered(page, said)
    page.locator(".log > :last-child").evaluate("one => one.scrollIntoView()")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.log > :last-child img')].every(one => one.complete)"
    )


def answered(page: Page, before: int) -> None:
    """Wait until one more message of the person has been answered."""
    page.wait_for_function(
        "before => document.querySelectorAll('.bubble.mine').length > before"
        " && !document.querySelector('.log > :last-child').classList.contains('mine')",
        arg=before,
        timeout=PATIENCE * 1000,
    )


if __name__ == "__main__":
    sys.exit(main())
