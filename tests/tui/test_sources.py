"""Sources of each kind on the screen: captures, traces, a running kernel, scenarios."""

from pathlib import Path

from textual.widgets import Input

from execmem_tui.history import History
from execmem_tui.model.events import Allocated, Event
from execmem_tui.sources.base import SourceKind
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tui.app import ExecmemApp
from tests.layouts import make_area, make_layout
from tests.tui.driving import make_app, press, settle, shown_text

CAPTURE = Path(__file__).parents[1] / "data" / "captures" / "arm64-7.2.13-nokaslr"


async def test_a_capture_cannot_be_commanded() -> None:
    app = ExecmemApp(open_path(str(CAPTURE)), theme="execmem-dark")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        steps = app.source.history.steps
        await press(pilot, "a", "f", "p")
        assert app.source.history.steps == steps
        assert "This is a capture" in shown_text(app)
        await press(pilot, "left_curly_bracket")
        assert app.source.history.step == 1
        assert "0-boot" in shown_text(app)


async def test_no_what_if_of_a_capture_where_it_would_guess() -> None:
    for name, reason in (("hashed", "addresses are hidden"), ("amd64-7.2.13-kaslr", "ROX block")):
        app = ExecmemApp(open_path(str(CAPTURE.parent / name)), theme="execmem-dark")
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            source = app.source
            await press(pilot, "A")
            assert len(app.screen_stack) == 1
            assert reason in shown_text(app)
            assert app.source is source


async def test_a_what_if_of_a_capture_is_taken_back_by_one_key() -> None:
    app = ExecmemApp(open_path(str(CAPTURE)), theme="execmem-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        source = app.source
        await press(pilot, "A", "enter")
        assert app.source.title.startswith("what if, from step ")
        assert "placed near the kernel" in shown_text(app)
        await press(pilot, "u")
        assert app.source is source


async def test_a_trace_is_replayed_with_speed_time_marks_and_failures(tmp_path: Path) -> None:
    text = "# tracer: nop\n"
    at = 0xFFFF_8000_0000_0000
    window = "vstart=0xffff800000000000 vend=0xffff800000010000"
    where = "insmod-7 [000] .....   {0}: "
    for number in range(8):
        start = at + number * 8192
        text += (
            f"{where.format(f'{number}.0')}alloc_vmap_area: va_start: {start} size=8192 align=1"
            f" {window} failed=0\n"
        )
    text += (
        f"{where.format('8.0')}alloc_vmap_area: va_start: 0 size=8192 align=1 {window} failed=1\n"
    )
    text += f"{where.format('9.0')}tracing_mark_write: lab: full\n"
    text += (
        f"{where.format('9.5')}free_vmap_area_noflush: va_start=0x{at:x} nr_lazy=2"
        " nr_lazy_max=8192\n"
    )
    trace = tmp_path / "trace.txt"
    trace.write_text(text)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "o")
        app.screen.query_one(Input).value = str(trace)
        await press(pilot, "enter")
        await settle(app)
        await pilot.pause()
        history = app.source.history
        assert app.source.kind.value == "replay"
        assert history.steps == 11
        assert history.step == 0
        await press(pilot, "d")
        assert history.step == 9
        await press(pilot, "left_curly_bracket", "right_curly_bracket")
        assert history.step == 10
        await press(pilot, "g")
        app.screen.query_one(Input).value = "@3.5"
        await press(pilot, "enter")
        assert history.step == 4
        await press(pilot, "g", *"step 12", "enter")
        assert "there is no step 12" in shown_text(app)
        await press(pilot, "backspace", "enter")
        assert history.step == 1
        await press(pilot, "g", *"step 4", "enter")
        assert history.step == 4
        await press(pilot, "greater_than_sign", "greater_than_sign", "space")
        app.time.tick()
        assert history.step == 8
        app.time.tick()
        assert history.at_end
        assert not app.playing


async def test_a_broken_file_is_said_and_the_map_stays() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "o")
        app.screen.query_one(Input).value = "/nowhere/at\x1b[31mall"
        await press(pilot, "enter")
        await settle(app)
        await pilot.pause()
        messages = [notification.message for notification in app._notifications]
        assert any("No such file" in message for message in messages)
        assert not any("\x1b" in message for message in messages)
        assert isinstance(app.source, Simulation)


class Growing:
    """A source that grows by one area at each read."""

    kind = SourceKind.LIVE
    title = "growing"

    def __init__(self) -> None:
        self.history = History(make_layout())
        self.closed = 0

    def read(self) -> list[Event]:
        area = make_area(4 * self.history.steps)
        return [Allocated(area=area, requested=area.size, added=(area,))]

    def close(self) -> None:
        self.closed += 1


async def test_a_running_kernel_is_followed_paused_and_closed() -> None:
    source = Growing()
    app = ExecmemApp(source, theme="execmem-dark")
    app.interval = 64.0  # no read of its own while this test runs
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.following
        await press(pilot, "greater_than_sign")
        assert app.interval == 32
        for steps in (1, 2):
            app.read()
            await settle(app)
            await pilot.pause()
            assert source.history.steps == steps
            assert app.shown.snapshot.step == steps
        await press(pilot, "left_square_bracket")
        app.read()
        await settle(app)
        await pilot.pause()
        assert (source.history.step, source.history.steps) == (1, 3)
        await press(pilot, "space")
        assert not app.following
        app.show_source(open_simulation("arm64", "7.1", "va48-4k", "off"))
        assert source.closed == 1
        assert not app.following


async def test_programs_and_probes_show_inside_their_areas() -> None:
    simulation = open_simulation("x86", "7.1", None, "off")
    simulation.do(lambda kernel: [kernel.bpf.load(f"net{number}", 900) for number in range(20)])
    simulation.do(lambda kernel: kernel.kprobes.register("vfs_read", count=30))
    app = make_app(simulation)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "z", *["+"] * 9)
        text = shown_text(app)
        assert "bpf_prog_net3" in text
        assert "here bpf_prog_net0" in text
        await press(pilot, "2", "z")
        text = shown_text(app)
        assert "vfs_read 12" in text
        assert "30 of 273 slots used" in text


async def test_a_scenario_is_chosen_and_told_step_by_step() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "s")
        app.screen.query_one(Input).value = "arm64-64k-bpf"
        await press(pilot, "enter")
        await settle(app)
        await pilot.pause()
        assert app.source.kind is SourceKind.SCENARIO
        assert app.source.history.step == 0
        first = shown_text(app)
        assert "64 KiB" in first
        while not app.source.history.at_end:
            await press(pilot, "right_curly_bracket")
        assert app.shown.snapshot.counters.allocations > 1000
        assert "√" in shown_text(app)
        assert shown_text(app) != first
