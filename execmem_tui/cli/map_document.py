"""The JSON document of ``execmem-tui map --json``."""

from collections.abc import Mapping, Sequence

from attrs import asdict

from execmem_tui.analysis.documents import (
    AreaDocument,
    CountersDocument,
    HiddenDocument,
    MeterDocument,
    area_document,
    hidden_document,
    meter_documents,
)
from execmem_tui.analysis.layout_documents import (
    LayoutDocument,
    RulesDocument,
    layout_document,
    rules_told,
)
from execmem_tui.model.areas import AreaState
from execmem_tui.model.documents import (
    ABSENT,
    Absent,
    Added,
    Count,
    LazySequence,
    TypeName,
    document,
)
from execmem_tui.model.snapshots import Snapshot


@document
class MapDocument:
    """Everything on the map at one step; pooled areas are listed apart."""

    layout: LayoutDocument
    step: Count
    steps: Count
    areas: Sequence[AreaDocument]
    pooled: Sequence[AreaDocument]
    counters: CountersDocument
    meters: Mapping[TypeName, MeterDocument]
    hidden: Added[HiddenDocument]
    notes: Added[Sequence[str]]
    rules: RulesDocument | Absent = ABSENT


def map_document(snapshot: Snapshot) -> MapDocument:
    """Return the document of `snapshot`."""
    pooled = [area for area in snapshot.areas if area.state is AreaState.POOLED]
    others = [area for area in snapshot.areas if area.state is not AreaState.POOLED]
    return MapDocument(
        layout=layout_document(snapshot.layout),
        step=snapshot.step,
        steps=snapshot.steps,
        areas=LazySequence(area_document, others),
        pooled=LazySequence(area_document, pooled),
        counters=CountersDocument(**asdict(snapshot.counters, recurse=False)),
        meters=meter_documents(snapshot),
        hidden=hidden_document(snapshot.hidden),
        notes=snapshot.layout.notes,
        rules=rules_told(snapshot.layout),
    )
