"""``execmem-tui serve``: the application in a browser, of this machine unless told otherwise."""

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

from execmem_tui.cli.commands import APPLICATION, load, parser_of
from execmem_tui.cli.output import talk
from execmem_tui.model.errors import UsageError
from execmem_tui.model.text import printable

if TYPE_CHECKING:
    from aiohttp import web

DOCUMENTS: tuple[type, ...] = ()
HELP = "the application in a browser: of this machine only, unless told otherwise"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_PATIENCE: Final = 2
"""Seconds in which open pages are told that the server ends."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --host, --port and what the application takes."""
    parser.add_argument(
        "--host", default=_LOOPBACK[0], help="address to listen at; 127.0.0.1 if left out"
    )
    parser.add_argument("--port", type=int, default=8000, help="8000 if left out; 0: any free one")
    load(APPLICATION).add_arguments(parser)
    parser.epilog = (
        "Each page that is opened is a process of its own, which ends with the page. Whoever can"
        " open it can open files and write them as you can."
    )


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    if not 0 <= args.port <= 65535:
        raise UsageError("--port takes a number up to 65535")
    if args.plain:
        raise UsageError("--plain needs a standard input, which a page has not")
    if args.demo is not None:
        raise UsageError("--demo is for recorders of a terminal, which a page is not")
    try:
        import textual_serve  # noqa: F401 - an extra: told before anything is begun
    except ImportError:
        raise UsageError(
            "serve needs textual-serve", hint="pip install 'execmem-tui[serve]'"
        ) from None
    if args.host not in _LOOPBACK:
        talk(
            f"execmem-tui: listening at {printable(args.host)}: whoever reaches it can open and"
            " write files as you can"
        )
    _serve(command_line(args), args.host, args.port)
    return 0


def command_line(args: argparse.Namespace) -> str:
    """Return the shell's words that start the application with what `args` says of it."""
    words = [sys.executable, "-m", "execmem_tui"]
    names: list[str] = []
    for action in parser_of(APPLICATION)._actions:  # noqa: SLF001 - there is no other list
        value = getattr(args, action.dest, action.default)
        if value == action.default or value is None:
            continue
        if not action.option_strings:
            names += value
        elif value is True:
            words.append(action.option_strings[-1])
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [action.option_strings[-1], str(each)]
    return shlex.join([*words, *(["--", *names] if names else [])])


def allowed(headers: Any, host: str, port: int) -> bool:
    """Whether a request comes from a page of ours.

    A page of another site can reach a server of this machine too: by a name that it lets mean
    127.0.0.1, which ``Host`` tells, or by opening our web socket, which ``Origin`` tells.
    """
    names = {*_LOOPBACK, "[::1]"} if host in _LOOPBACK else None
    asked = headers.get("Host", "")
    if names is not None and asked not in {f"{name}:{port}" for name in names}:
        return False
    origin = headers.get("Origin")
    return origin is None or origin.partition("://")[2] == asked


def _serve(command: str, host: str, port: int) -> None:
    import socket

    from aiohttp import web
    from textual_serve.server import Server

    # Bound here, so that port 0 has a number before the page is told it.
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
    )
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host

    class OurServer(Server):
        """Textual's, at a socket that is open already, for pages of its own alone."""

        async def _make_app(self) -> "web.Application":
            made: web.Application = await super()._make_app()
            made.middlewares.append(_only_ours)
            return made

        async def on_startup(self, app: "web.Application") -> None:
            """Say where it is, in one line."""
            del app
            talk(f"execmem-tui: serving at {self.public_url}; ctrl+c ends it")

    @web.middleware
    async def _only_ours(request: "web.Request", handler: Any) -> Any:
        if not allowed(request.headers, host, port):
            raise web.HTTPForbidden(text="not for pages of other sites\n")
        return await handler(request)

    server = OurServer(command, host, port, "execmem-tui", f"http://{shown}:{port}")
    web.run_app(
        server._make_app(),  # noqa: SLF001 - it has no other way to an open socket
        sock=listener,
        print=None,
        shutdown_timeout=_PATIENCE,
    )
