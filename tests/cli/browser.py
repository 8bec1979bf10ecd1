"""A headless Chromium, driven through its DevTools protocol: as much of it as one test needs."""

import asyncio
import base64
import itertools
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ESCAPE = re.compile(rb"\x1b(\[[0-9;?<>=$]*[a-zA-Z~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)", re.DOTALL)


class Page:
    """One page: what its web socket got, how it looks, and keys for it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._session: str | None = None
        self._got = b""

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        async for answer in self._socket:
            found = answer.json()
            if found.get("method") == "Network.webSocketFrameReceived":
                frame = found["params"]["response"]
                if frame["opcode"] == 2:  # what the terminal is to draw
                    self._got += base64.b64decode(frame["payloadData"])
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]
        raise ConnectionError("the browser is gone")

    async def open(self, url: str) -> None:
        """Open a page."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self.call("Network.enable")
        await self.call("Page.navigate", url=url)

    async def got(self, words: str) -> None:
        """Wait until the application has drawn these words since the last time."""
        while True:
            text = ESCAPE.sub(b"", self._got)
            if words.encode() in text:
                self._got = b""
                return
            await self.call(
                "Runtime.evaluate",
                expression="new Promise(requestAnimationFrame)",
                awaitPromise=True,
            )

    async def picture(self) -> bytes:
        """Return how the page looks, as PNG."""
        found = await self.call("Page.captureScreenshot")
        return base64.b64decode(found["data"])

    async def click(self, x: int, y: int) -> None:
        """Click at a place, in pixels; keys go there from now on."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def press(self, key: str) -> None:
        """Press a key that has a character."""
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, text=key)


@asynccontextmanager
async def opened(url: str, profile: Path) -> AsyncIterator[Page]:
    """Open a page in a browser of its own."""
    assert CHROMIUM is not None
    browser = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1400,900",
        "--no-first-run",
        "--disable-extensions",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        assert browser.stderr is not None
        async for line in browser.stderr:
            found = re.search(r"DevTools listening on (ws://\S+)", line.decode())
            if found is not None:
                break
        else:
            raise ConnectionError("the browser did not start")
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(found[1], max_msg_size=0) as socket,
        ):
            page = Page(socket)
            await page.open(url)
            yield page
    finally:
        if browser.returncode is None:
            browser.kill()
        await browser.communicate()
