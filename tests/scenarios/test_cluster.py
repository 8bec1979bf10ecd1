"""The same sweep on a Dask cluster: two workers of this machine, reached over loopback."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest
from distributed import LocalCluster

from execmem_tui.cli.main import main
from execmem_tui.model.errors import SourceError
from execmem_tui.model.work import LimitError, Work
from execmem_tui.scenarios.reader import open_scenario
from execmem_tui.scenarios.sweep import Done, sweep


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        host="127.0.0.1",
        protocol="tcp",
    ) as made:
        yield made.scheduler_address


def test_a_cluster_finds_what_this_machine_finds(
    cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "arm64-4.4-zfs", "--seeds", "1..25", "--json"]
    assert main([*arguments, "--cluster", cluster]) == 0
    far = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--jobs", "1"]) == 0
    assert json.loads(capsys.readouterr().out) == far
    assert len(far["draws"]) == 25


def test_a_scheduler_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> Iterator[Done]:
        threading.Event().wait()
        yield [], 0

    monkeypatch.setattr("execmem_tui.scenarios.sweep._spread", silent)
    monkeypatch.setattr("execmem_tui.scenarios.sweep._GRACE", 0.0)
    scenario = open_scenario("arm64-thinlto")
    with pytest.raises(SourceError, match="said nothing for 0"):
        sweep(scenario, scenario.settings, range(3), cluster="tcp://nobody:1", timeout=0.01)


def test_an_error_of_a_worker_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Iterator[Done]:
        yield [], 0
        raise ZeroDivisionError

    monkeypatch.setattr("execmem_tui.scenarios.sweep._spread", broken)
    scenario = open_scenario("arm64-thinlto")
    with pytest.raises(ZeroDivisionError):
        sweep(scenario, scenario.settings, range(3), cluster="tcp://nobody:1")


def test_a_sweep_has_a_limit() -> None:
    scenario = open_scenario("arm64-thinlto")
    with pytest.raises(LimitError, match="in all draws"):
        sweep(
            scenario, scenario.settings, range(3), jobs=1, work=Work(5, what="steps in all draws")
        )


def test_a_cluster_that_is_not_there_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        scenario = open_scenario("arm64-thinlto")
        with pytest.raises(SourceError, match="no cluster at"):
            sweep(
                scenario,
                scenario.settings,
                range(3),
                cluster=f"tcp://127.0.0.1:{taken.getsockname()[1]}",
                timeout=0.5,
            )


def test_a_scheme_that_wants_more_is_an_error() -> None:
    """Dask raises a TypeError: it was told as a fault of our own."""
    scenario = open_scenario("arm64-thinlto")
    with pytest.raises(SourceError, match="no cluster at tls:"):
        sweep(scenario, scenario.settings, range(3), cluster="tls://127.0.0.1:1", timeout=1)
