from __future__ import annotations

import gc

from sidecar.payload.columns import BoundedTable, Schema, intern_schema


def test_equal_schemas_are_one_object_while_one_is_kept() -> None:
    first = intern_schema(("a", "b"), ("numeric", "categorical"))
    assert intern_schema(("a", "b"), ("numeric", "categorical")) is first
    assert intern_schema(("a", "b"), ("numeric", "numeric")) is not first
    assert first == Schema(("a", "b"), ("numeric", "categorical"))


def test_a_schema_that_nobody_keeps_is_forgotten() -> None:
    from sidecar.payload import columns

    before = len(columns._SCHEMAS)
    for at in range(100):
        intern_schema((f"transient {at}",), ("numeric",))
    gc.collect()
    assert len(columns._SCHEMAS) <= before


def test_table_keeps_what_fits_and_forgets_all_when_full() -> None:
    table: BoundedTable[str, int] = BoundedTable(10)
    table.put("a", 1, 4)
    table.put("b", 2, 6)
    assert (table.get("a"), table.get("b"), len(table)) == (1, 2, 2)
    table.put("c", 3, 1)
    assert (table.get("a"), table.get("b"), table.get("c"), len(table)) == (None, None, 3, 1)
    table.put("d", 4, 9)
    assert len(table) == 2


def test_table_does_not_keep_what_is_heavier_than_all_of_it() -> None:
    table: BoundedTable[str, int] = BoundedTable(10)
    table.put("a", 1, 11)
    assert (table.get("a"), len(table)) == (None, 0)
