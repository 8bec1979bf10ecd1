"""What the start leaves out, asked in processes of their own: this one has imported everything."""

import subprocess
import sys

import pytest


def said(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_asyncio_comes_without_openssl_and_ssl_can_be_had_later() -> None:
    code = """
import sys
from execmem_tui.cli.starting import leave_out_tls
leave_out_tls()
print("_ssl" in sys.modules, sys.modules["asyncio"].base_events.ssl)
import ssl
print(ssl.create_default_context() is not None)
"""
    assert said(code) == "False None\nTrue"


@pytest.mark.parametrize("there", ["asyncio", "ssl"])
def test_what_somebody_imported_before_stays_as_it_is(there: str) -> None:
    assert (
        said(
            f"import sys, {there}; from execmem_tui.cli.starting import leave_out_tls;"
            "leave_out_tls(); import ssl, asyncio.base_events;"
            "print(asyncio.base_events.ssl is ssl)"
        )
        == "True"
    )


def test_the_application_comes_without_openssl() -> None:
    """Nothing of it and of Textual brings OpenSSL either."""
    code = """
import sys
import execmem_tui.cli.application as application

def show(args, config):
    import execmem_tui.tui.run, execmem_tui.tui.app
    print("textual.app" in sys.modules, "_ssl" in sys.modules)
    return 0

application.has_terminal, application._run_screen = lambda: True, show
sys.argv[1:] = []
from execmem_tui.cli.main import main
main()
"""
    assert said(code) == "True False"
