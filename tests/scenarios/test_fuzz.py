"""Any steps on any architecture: they run, or an error names the line.

The counts stay those of the map.
"""

from typing import Any

import pytest
from attrs import asdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execmem_tui.analysis.holes import meters
from execmem_tui.arch import architectures
from execmem_tui.model.errors import ExecmemTuiError, InputError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.scenarios.reader import read_scenario
from execmem_tui.scenarios.runner import StepError
from tests.scenarios.test_runner import played

sizes = st.one_of(
    st.integers(1, 1 << 24), st.sampled_from([1, 4095, 4096, 1 << 31, 1 << 40, (1 << 62) - 1])
)
counts = st.integers(1, 6)
types = st.sampled_from([kind.name for kind in ExecmemType])
owners = st.sampled_from(["a", "b", "c"])
simple: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"alloc": types, "size": sizes, "count": counts, "owner": owners}),
    st.fixed_dictionaries({"alloc": types, "count": counts, "owner": owners}),
    st.fixed_dictionaries({"vmalloc": sizes, "owner": owners, "align": sizes, "count": counts}),
    st.fixed_dictionaries({"vmalloc": sizes, "owner": owners, "ioremap": st.booleans()}),
    st.fixed_dictionaries({"free": owners, "every": counts}),
    st.fixed_dictionaries({"purge": st.sampled_from(["aliases", "drain", "reclaim", "shrink"])}),
    st.fixed_dictionaries({"bpf": owners, "size": st.integers(1, 1 << 22), "count": counts}),
    st.fixed_dictionaries({"unbpf": owners, "count": counts}),
    st.fixed_dictionaries({"attach": owners, "count": counts}),
    st.fixed_dictionaries({"detach": owners}),
    st.fixed_dictionaries({"probe": owners, "count": counts, "entry": st.booleans()}),
    st.fixed_dictionaries({"unprobe": owners}),
    st.fixed_dictionaries({"trace": owners, "count": counts, "regs": st.booleans()}),
    st.fixed_dictionaries({"untrace": owners}),
    st.fixed_dictionaries({"fail": counts}),
    st.fixed_dictionaries({"force_fallback": st.booleans()}),
    st.fixed_dictionaries({"load": st.sampled_from(["ext4", "xfs", "overlay"])}),
    st.fixed_dictionaries({"unload": st.sampled_from(["ext4", "xfs", "overlay"])}),
    st.fixed_dictionaries({"init_frees": st.just(value=True)}),
)
steps = st.one_of(
    simple,
    st.fixed_dictionaries({"repeat": counts, "steps": st.lists(simple, min_size=1, max_size=3)}),
    st.fixed_dictionaries(
        {"concurrently": counts, "steps": st.lists(simple, min_size=1, max_size=3)}
    ),
)


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {written(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(written(entry) for entry in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(architectures()),
    st.sampled_from(["6.12", "7.1"]),
    st.lists(steps, min_size=1, max_size=8),
)
def test_any_steps(arch: str, kernel: str, found: list[dict[str, Any]]) -> None:
    text = f'title = "t"\narch = "{arch}"\nkernel = "{kernel}"\nsteps = [\n'
    text += "".join(f"{written(step)},\n" for step in found) + "]\n"
    try:
        scenario = read_scenario(text.encode(), "case.toml", "case")
    except InputError as error:
        pytest.fail(str(error))
    try:
        outcome, snapshot = played(scenario)
    except ExecmemTuiError as error:
        if not isinstance(error, StepError) or not error.title.startswith("case.toml:"):
            pytest.fail(f"no line: {error}")
        return
    assert outcome.counters == snapshot.counters
    assert outcome.meters == {
        kind.name: asdict(meter, recurse=False) for kind, meter in meters(snapshot).items()
    }
