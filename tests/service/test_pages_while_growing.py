"""A page by event id says the same however the run goes on, and pages that follow each other leave no cell out."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from service.store.run_folder import RunFolder

Fill = Callable[[RunFolder, int, int], None]


def test_pages_by_event_id_stay_as_they_are_while_the_run_grows(live_folder: RunFolder, fill: Fill) -> None:
    fill(live_folder, 1, 40)
    where = "area_um2 > 3"
    first = live_folder.results().cells.page(where, limit=10)
    states = {live_folder.results().state}
    seen, after, filled = [], 0, 40
    while after is not None:
        page = live_folder.results().cells.page(where, after=after, limit=10)
        seen += [row["event_id"] for row in page.rows]
        if filled < 200:
            fill(live_folder, filled + 1, filled + 20)
            filled += 20
            live_folder.seal() if filled % 40 else None
        after = page.next if page.next or filled >= 200 else seen[-1]
        states.add(live_folder.results().state)
        again = live_folder.results().cells.page(where, limit=10)
        assert again.table.equals(first.table) and again.next == first.next
        assert again.total > first.total
    every = live_folder.results().cells.page(where, limit=1000)
    assert seen == [row["event_id"] for row in every.rows]
    # What tags are made of was another whenever the run had grown.
    assert len(states) == 9


def test_a_page_is_a_table_in_its_own_order(live_folder: RunFolder, fill: Fill) -> None:
    fill(live_folder, 1, 30)
    live_folder.seal()
    fill(live_folder, 31, 60)
    page = live_folder.results().cells.page(order="-area_um2", limit=1000, fields=["area_um2", "cluster_posteriors"])
    areas = page.table.column("area_um2").to_pylist()
    assert isinstance(page.table, pa.Table) and areas == sorted(areas, reverse=True) and len(areas) == page.total
    assert page.table.column_names == ["event_id", "area_um2", "cluster_posteriors"]
    assert live_folder.results().cells.page("area_um2 > 1e9").rows == []
