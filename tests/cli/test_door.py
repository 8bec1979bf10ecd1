"""How the command line ends: closed and full outputs, odd encodings and
widths, signals, faults of one's own."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from execmem_tui.__main__ import end_in_order
from execmem_tui.__main__ import main as door
from execmem_tui.cli.commands import APPLICATION, COMMANDS, parser_of
from execmem_tui.cli.main import main
from execmem_tui.cli.terminal import WIDEST, columns, sane_columns

DOOR = [sys.executable, "-m", "execmem_tui"]
RANGES = [*DOOR, "ranges", "--arch", "arm64"]


def shell(command: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", command.format(ranges=" ".join(RANGES), door=" ".join(DOOR))],
        capture_output=True,
        check=False,
        env={**os.environ, **more},
        timeout=60,
    )


@pytest.mark.parametrize(
    "command",
    [
        "{ranges}",
        "{ranges} --json",
        "{ranges} --help",
        "{door} --version",
        "{door} -V",
        "{door} -h",
    ],
)
def test_a_full_disk_is_said(command: str) -> None:
    done = shell(f"{command} >/dev/full")
    assert (done.returncode, done.stderr) == (
        2,
        b"execmem-tui: standard output: No space left on device\n",
    )


def test_a_closed_output_is_said_and_a_closed_pipe_is_not() -> None:
    done = shell("{ranges} >&-")
    assert done.returncode == 2
    assert done.stderr.startswith(b"execmem-tui: standard output is closed\n")
    done = shell("{ranges} 2>&- <&-")
    assert (done.returncode, done.stdout[:4]) == (0, b"arm6")
    for command in ("{ranges} --all", "{door} --version"):
        done = shell(f"{{{{ {command}; echo $? >&2; }}}} | true")
        assert done.stderr in (b"0\n", b"")


def test_an_encoding_without_our_signs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "execmem_tui", "map", "--arch", "arm64"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
    )
    assert done.stdout.startswith(b"arm64 - 7.1")
    assert b"+-128M branch" in done.stdout
    assert done.stdout.isascii()


def test_sizes_that_no_terminal_has_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"COLUMNS": "99999999999", "LINES": "-1", "HOME": "/"}
    sane_columns(environment)
    assert environment == {"HOME": "/"}
    for odd in ("0", "x", "٣", "10001", "9" * 5000):
        environment = {"COLUMNS": odd}
        sane_columns(environment)
        assert environment == {}
    environment = {"COLUMNS": "10000", "LINES": "1"}
    sane_columns(environment)
    assert environment == {"COLUMNS": "10000", "LINES": "1"}
    assert [columns(asked) for asked in (-5, 0, 1, 80, 10**9)] == [1, 1, 1, 80, WIDEST]
    monkeypatch.setenv("COLUMNS", "90")
    assert columns() == 90


def test_narrow_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in range(1, 6):
        monkeypatch.setenv("COLUMNS", str(width))
        assert main(["map", "--arch", "riscv"]) == 0
        with pytest.raises(SystemExit):
            main(["map", "--help"])
    assert capsys.readouterr().err == ""


def test_a_fault_of_ones_own_is_no_finding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise AssertionError("\x1b[31mthis should not be")

    monkeypatch.setattr("execmem_tui.cli.keys.run", broken)
    assert main(["keys"]) == 70
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "a fault of execmem-tui" in err
    assert "report it with this line: AssertionError: \\x1b[31mthis should not be" in err
    monkeypatch.setenv("EXECMEM_TUI_DEBUG", "1")
    assert main(["keys"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.EIO, "Input/output error"), 2, "execmem-tui: Input/output error\n"),
        (
            OSError(errno.EIO, "Input/output error", "a\x1bb"),
            2,
            "execmem-tui: a\\x1bb: Input/output error\n",
        ),
        (MemoryError(), 2, "execmem-tui: not enough memory for this\n"),
        (BrokenPipeError(), 0, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_the_system_says(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def broken(_: object) -> int:
        raise error

    monkeypatch.setattr("execmem_tui.cli.keys.run", broken)
    assert main(["keys"]) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(("end", "code"), [(SystemExit(129), 129), (KeyboardInterrupt(), 130)])
def test_a_signal_inside_of_an_import_is_no_fault(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    end: BaseException,
    code: int,
) -> None:
    """Python 3.11 wraps what `__set_name__` raises; then a hangup was told as our fault, 70."""

    def wrapped(_: object) -> int:
        raise RuntimeError("Error calling __set_name__") from end

    monkeypatch.setattr("execmem_tui.cli.keys.run", wrapped)
    assert main(["keys"]) == code
    assert capsys.readouterr().err == ""


def test_an_interrupt_while_all_is_imported_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("execmem_tui.cli.main.main", interrupted)
    monkeypatch.setattr("execmem_tui.__main__.end_in_order", lambda: None)
    monkeypatch.setattr("execmem_tui.__main__.collect_seldom", lambda: None)
    assert door() == 130


def test_a_complaint_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "\x1b]0;x\x07\u202e"])
    err = capsys.readouterr().err
    assert "\\x1b]0;x\\x07\\u202e" in err
    assert "\x1b" not in err


def options() -> list[tuple[str, str]]:
    return [
        (name, action.option_strings[-1])
        for name in (*COMMANDS, APPLICATION)
        for action in parser_of(name)._actions
        if action.option_strings and action.nargs != 0
    ]


@pytest.mark.parametrize(("name", "option"), options())
def test_two_dashes_are_no_value(
    name: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list came, where a text was declared, and ended the command with 70."""
    command = [] if name == APPLICATION else [name]
    with pytest.raises(SystemExit) as end:
        main([*command, f"{option}=--"])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert option in err.splitlines()[-1]
    assert " error: argument " in err.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_in_order(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    try:
        end_in_order()
        with pytest.raises(SystemExit) as end:
            signal.raise_signal(number)
        assert end.value.code == 128 + number
        signal.signal(number, signal.SIG_IGN)  # nohup
        end_in_order()
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(number, before)


def test_a_hangup_removes_what_was_taken(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "import execmem_tui.__main__ as door\n"
        "from execmem_tui.cli import keys\n"
        "from execmem_tui.files.private import private_folder\n"
        "def run(args):\n"
        "    with private_folder():\n"
        "        os.kill(os.getpid(), signal.SIGHUP)\n"
        "    return 0\n"
        "keys.run = run\n"
        "sys.argv = ['execmem-tui', 'keys']\n"
        "sys.exit(door.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGHUP, b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["~nosuchuser/x", "a\0b", "/dev/zero"])
@pytest.mark.parametrize("command", ["map", "verify", "run"])
def test_paths_that_are_none(capsys: pytest.CaptureFixture[str], command: str, path: str) -> None:
    assert main([command, path]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("execmem-tui: ")


def test_the_end_of_the_process_looks_through_nothing() -> None:
    """Asked after the door's own call: what is registered first runs last."""
    code = (
        "import atexit, gc, sys; from execmem_tui.__main__ import main;"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000));"
        "sys.argv[1:] = ['--version']; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"


@pytest.mark.parametrize(("called", "last"), [("main", "forgotten"), ("program", "put off")])
def test_the_program_ends_at_once(called: str, last: str) -> None:
    """With its own code, after all that was put off, and without forgetting object by object."""
    code = (
        "import atexit, os, sys, execmem_tui.__main__ as door\n"
        "import execmem_tui.cli.main as inner\n"
        "class Thing:\n"
        "    def __del__(self, write=os.write): write(1, b'forgotten')\n"
        "def main():\n"
        "    atexit.register(print, 'put off')\n"
        "    return 1\n"
        "inner.main, inner.thing = main, Thing()\n"
        f"sys.exit(door.{called}())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "put off" in done.stdout
    assert done.stdout.splitlines()[-1] == last


def test_the_program_ends_as_python_does_after_a_usage_error() -> None:
    code = (
        "import sys, execmem_tui.__main__ as door;"
        "sys.argv[1:] = ['keys', '--none']; sys.exit(door.program())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_short_command_looks_for_no_garbage() -> None:
    """Not while it runs, and not between its last line and the end of the process."""
    code = (
        "import atexit, gc, sys; from execmem_tui.__main__ import main; found = [];"
        "gc.collect(); gc.callbacks.append(lambda phase, about: found.append(phase));"
        "atexit.register(lambda: print(found, file=sys.stderr));"
        "sys.argv[1:] = ['ranges', '--json']; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("command", ["{door} diagnose -", "{door} --plain --empty", "{door} map -"])
def test_bytes_that_are_no_text_may_come_in(command: str) -> None:
    """Standard input is a stranger's too; it was a fault of our own (70)."""
    text = (
        r"[1.0] \303( vmap allocation for size 20480 failed: use vmalloc=<size> to increase size\n"
    )
    ended = shell(f"printf '{text}' | {command}")
    assert ended.returncode in (0, 1, 2)
    assert b"a fault of" not in ended.stderr
    if "diagnose" in command:
        assert (ended.returncode, b"20,480" in ended.stdout) == (1, True)


def test_looking_at_the_running_kernel_writes_no_bytecode(tmp_path: Path) -> None:
    """But for what is read before anything runs: what an installer did not compile stays so."""
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    door = {"__init__", "__main__"}
    for arguments, written in ((["map", "live"], door), (["--version"], {*door, "main"})):
        subprocess.run([*DOOR, *arguments], env=env, capture_output=True, check=False, timeout=60)
        package = next(tmp_path.rglob("execmem_tui"))
        assert {file.name.partition(".")[0] for file in package.rglob("*.pyc")} == written


def test_a_machine_that_nobody_knows_can_be_captured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bundle was written, and the command ended with 2 for want of its architecture."""
    proc = tmp_path / "proc"
    (proc / "sys" / "kernel").mkdir(parents=True)
    (proc / "sys" / "kernel" / "arch").write_text("xtensa\n")
    (proc / "version").write_text("Linux version 6.12.107 (x@y) (gcc) #1\n")
    (proc / "vmallocinfo").write_text("0xd0000000-0xd0002000    8192 f+0x1/0x2 pages=1 vmalloc\n")
    (proc / "kallsyms").write_text("d0003000 T _text\nd0004000 B _end\n")
    bundle = tmp_path / "b.tar"
    assert main(["capture", "--anonymise", "--proc", str(proc), "-o", str(bundle)]) == 0
    assert "no architecture" not in capsys.readouterr().err
    assert bundle.exists()
