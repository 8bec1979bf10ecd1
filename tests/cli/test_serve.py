"""The application in a browser: who may open it, what a page sees, and that nothing outlives it."""

import argparse
import asyncio
import os
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from execmem_tui.cli.commands import APPLICATION, parser_of
from execmem_tui.cli.main import main
from execmem_tui.cli.serve import allowed, command_line
from execmem_tui.tui.app import ExecmemApp

pytest.importorskip("textual_serve", reason="the extra `serve` is not installed")
if not hasattr(os, "pidfd_open"):
    pytest.skip("needs Linux to see processes end", allow_module_level=True)

from tests.cli.browser import CHROMIUM, ESCAPE, opened  # it needs aiohttp, of the extra

PATIENCE = 30
"""Seconds after which a process that should have ended has not."""


class Server:
    """`execmem-tui serve`, and the processes of its pages."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "execmem_tui", "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, line
        self.url = found[0]

    def pages(self) -> list[int]:
        """Return descriptors that become readable when the page's processes end."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
            todo += map(int, children.split())
            found += [os.pidfd_open(int(child)) for child in children.split()]
        return found


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server("--empty")
    yield found
    found.process.kill()
    found.process.communicate()


def ended(processes: list[int]) -> bool:
    """Wait for processes to end."""
    assert processes
    with ExitStack() as stack:
        for each in processes:
            stack.callback(os.close, each)
        return all(select.select([each], [], [], PATIENCE)[0] for each in processes)


def test_a_page_of_another_site_is_refused() -> None:
    ours = {"Host": "127.0.0.1:8000"}
    assert allowed(ours, "127.0.0.1", 8000)
    assert allowed({"Host": "localhost:8000"}, "127.0.0.1", 8000)
    assert allowed(ours | {"Origin": "http://127.0.0.1:8000"}, "127.0.0.1", 8000)
    assert not allowed(ours | {"Origin": "http://127.0.0.1:9000"}, "127.0.0.1", 8000)
    assert not allowed(ours | {"Origin": "https://evil.example"}, "127.0.0.1", 8000)
    assert not allowed(ours | {"Origin": "null"}, "127.0.0.1", 8000)
    assert not allowed({"Host": "evil.example:8000"}, "127.0.0.1", 8000)
    assert not allowed({"Host": "127.0.0.1:80"}, "127.0.0.1", 8000)
    assert not allowed({}, "127.0.0.1", 8000)
    far = {"Host": "box.example:8000", "Origin": "http://box.example:8000"}
    assert allowed(far, "0.0.0.0", 8000)  # noqa: S104 - what a user may ask for
    assert not allowed(far, "127.0.0.1", 8000)
    assert not allowed({**far, "Origin": "http://evil.example"}, "0.0.0.0", 8000)  # noqa: S104


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--arch", "x86", "--empty", "--theme", "a b"],
        ["--set", "_end=1", "--set", "_text=2", "--cpus", "4"],
        ["trace.txt", "x y.toml"],
        ["--kaslr", "5", "--", "-"],
    ],
)
def test_a_page_shows_what_the_command_line_asks_for(words: list[str]) -> None:
    parser = parser_of("serve")
    made = shlex.split(command_line(parser.parse_args(words)))
    assert made[:3] == [sys.executable, "-m", "execmem_tui"]
    again = parser_of(APPLICATION).parse_args(made[3:])
    wanted = parser_of(APPLICATION).parse_args(words)
    assert again == wanted
    assert isinstance(again, argparse.Namespace)


def test_usage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["serve", "--port", "70000"]) == 2
    assert "65535" in capsys.readouterr().err
    assert main(["serve", "--plain"]) == 2
    assert "--plain needs a standard input" in capsys.readouterr().err
    assert main(["serve", "--demo", "holes"]) == 2
    assert "--demo is for recorders" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    assert main(["serve"]) == 2
    assert "pip install 'execmem-tui[serve]'" in capsys.readouterr().err


def test_only_a_browser_gets_our_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    from textual import constants
    from textual.drivers.web_driver import WebDriver

    from execmem_tui.tui.served import ServedDriver

    assert not issubclass(ExecmemApp.get_driver_class(ExecmemApp.__new__(ExecmemApp)), WebDriver)
    monkeypatch.setattr(constants, "DRIVER", "textual.drivers.web_driver:WebDriver")
    assert ExecmemApp.get_driver_class(ExecmemApp.__new__(ExecmemApp)) is ServedDriver


async def session(server: Server, *, close: bool) -> list[int]:
    """Do what a page does: see the map, press `a`, see it change; return its processes."""
    import aiohttp

    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(
            f"{server.url}/ws?width=120&height=40", headers={"Origin": server.url}
        ) as socket,
    ):
        got = b""

        async def until(words: bytes) -> None:
            nonlocal got
            while words not in ESCAPE.sub(b"", got):
                got += (await socket.receive(timeout=PATIENCE)).data
            got = b""

        await until(b"MODULE")
        await socket.send_json(["stdin", "a"])
        await until(b"1 area")
        processes = server.pages()
        if close:
            await socket.close()
        else:
            server.process.kill()
    return processes


def test_a_page_that_is_closed_ends_its_process(server: Server) -> None:
    assert ended(asyncio.run(session(server, close=True)))
    assert server.process.poll() is None


def test_an_orphan_ends(server: Server) -> None:
    assert ended(asyncio.run(session(server, close=False)))


def test_other_sites_get_neither_page_nor_socket(server: Server) -> None:
    import aiohttp

    async def visit() -> list[int]:
        async with aiohttp.ClientSession() as client:
            found = []
            for path, headers in (
                ("/", {"Host": "evil.example"}),
                ("/ws", {"Origin": "http://evil.example"}),
                ("/", {}),
            ):
                async with client.get(f"{server.url}{path}", headers=headers) as answer:
                    found.append(answer.status)
            return found

    assert asyncio.run(visit()) == [403, 403, 200]


def test_ctrl_c_ends_the_server(server: Server) -> None:
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE) == 0


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_real_browser_shows_the_map_and_its_change(server: Server, tmp_path: Path) -> None:
    async def visit() -> list[int]:
        async with opened(server.url, tmp_path / "profile") as page:
            await page.got("MODULE")
            before = await page.picture()
            await page.click(100, 8)
            await page.press("a")
            await page.got("1 area")
            assert await page.picture() != before
            return server.pages()

    assert ended(asyncio.run(asyncio.wait_for(visit(), 2 * PATIENCE)))
    assert server.process.poll() is None
