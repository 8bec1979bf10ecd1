"""Scenarios that load modules: duplicates, init memory, faults, growth.

The same with and without a map.
"""

import pytest

from execmem_tui.model.errors import UsageError
from execmem_tui.scenarios.reader import open_scenario
from execmem_tui.scenarios.runner import Runner
from tests.scenarios.test_runner import check_counts, run, scenario


@pytest.mark.parametrize(
    "name", ["cloud-amd64", "cloud-arm64-6.12", "arm32-big-wifi", "rox-19m-25m"]
)
def test_counts_equal_those_of_the_map(name: str) -> None:
    check_counts(open_scenario(name))


DUPLICATES = """
[knobs]
idempotent_load = {idempotent}
[[steps]]
concurrently = 40
steps = [{{ load = "xfs" }}]
[[steps]]
expect = ["failed_loads == {failed}", "failures == 0", "loaded == {loaded}"]
"""


@pytest.mark.parametrize("arch", ["arm64", "x86"])
def test_duplicates_take_space_before_the_fix_only(arch: str) -> None:
    after = run(DUPLICATES.format(idempotent="true", failed=0, loaded=1), arch)
    before = run(DUPLICATES.format(idempotent="false", failed=39, loaded=1), arch)
    assert after.passed, after.expectations
    assert before.passed, before.expectations
    assert before.meters["MODULE_DATA"]["used"] == after.meters["MODULE_DATA"]["used"]
    peak, least = before.values["peak"], after.values["peak"]
    assert isinstance(peak, int)
    assert isinstance(least, int)
    assert peak > 5 * least


def test_init_memory_stays_until_its_deferred_free() -> None:
    text = """
[knobs]
init_frees = false
[[steps]]
load = ["ext4", "xfs"]
[[steps]]
expect = ["meters.MODULE_TEXT.used + meters.MODULE_DATA.used > modules.core + 900K", "frees == 0"]
[[steps]]
init_frees = true
[[steps]]
expect = ["meters.MODULE_TEXT.used + meters.MODULE_DATA.used < modules.core + 200K", "frees > 5"]
"""
    assert run(text).passed


def test_what_fails_is_freed_and_unload_gives_all_back() -> None:
    text = """
[[steps]]
load = "xfs"
fail_at = "MOD_RODATA"
[[steps]]
load = "ext4"
init_fails = true
[[steps]]
expect = ["failed_loads == 2", "last.count == 3", "loaded == 4"]
[[steps]]
unload = ["libcrc32c"]
"""
    with pytest.raises(UsageError, match=r"case.toml:\d+: .*libcrc32c"):
        run(text)
    text = """
[[steps]]
load = "ext4"
[[steps]]
unload = ["ext4", "jbd2", "mbcache", "crc16"]
[[steps]]
expect = [
    "loaded == 0", "modules.core == 0", "plt.reserved == 0",
    "areas.MODULE_TEXT + areas.MODULE_DATA == 0",
]
"""
    for arch in ("arm64", "x86", "arm", "s390"):
        outcome = run(text, arch, "6.12")
        assert outcome.passed, (arch, outcome.expectations)


def test_growth_makes_every_section_bigger() -> None:
    text = (
        '[knobs]\nmodule_growth = {}\n[[steps]]\nload = "xfs"\n[[steps]]\nexpect = "modules.core'
        ' {}"\n'
    )
    one = run(text.format(1, "> 0")).expectations[0].got
    assert isinstance(one, int)
    assert run(text.format(2.5, f"> {one} * 2")).passed


@pytest.mark.parametrize(
    ("arch", "name", "message"),
    [
        ("arm64", "no_such", "no module 'no_such'"),
        ("arm64", "@nothing", "no module list 'nothing'"),
        ("mips", "xfs", "no module catalogue for mips"),
    ],
)
def test_what_cannot_be_loaded(arch: str, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(f'[[steps]]\nload = "{name}"\n', arch)


def test_lists_are_those_of_the_catalogue() -> None:
    found = scenario('[[steps]]\nload = "@cloud-vm"\n[[steps]]\nexpect = "loaded == 69"\n')
    assert Runner(found, with_map=False).run().passed
