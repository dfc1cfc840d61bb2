"""A laboratory value is read against a sourced interval, in either unit, or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.errors import KnowledgeError
from knowledge.reference_ranges import Level, analyte, analytes, read, sources


@pytest.mark.parametrize(
    ("name", "value", "unit", "level"),
    [
        ("potassium", 4.1, "mmol/L", Level.NORMAL),
        ("K+", 6.5, "mEq/L", Level.CRITICAL_HIGH),
        ("Sodium", 130, None, Level.LOW),
        ("glucose", 46, "mg/dL", Level.CRITICAL_LOW),
        ("glucose", 100, "mg/dL", Level.HIGH),
        ("creatinine", 1.0, "mg/dL", Level.NORMAL),
        ("haemoglobin", 7.9, "g/dL", Level.LOW),
        ("calcium", 13.5, "mg/dL", Level.CRITICAL_HIGH),
        ("pH", 7.15, None, Level.CRITICAL_LOW),
        ("PaCO2", 70, "mm Hg", Level.CRITICAL_HIGH),
        ("albumin", 2.1, "g/dL", Level.LOW),
    ],
)
def test_known_values_stand_where_a_clinician_expects(name: str, value: float, unit: str | None, level: Level) -> None:
    assert read(name, value, unit).level is level


@settings(deadline=None)
@given(number=st.integers(0, 100), value=st.floats(0.01, 1000))
def test_the_unit_does_not_change_the_level(number: int, value: float) -> None:
    item = analytes()[number % len(analytes())]
    edges = [edge for edge in (item.low, item.high, item.critical_low, item.critical_high) if edge is not None]
    if min(abs(value - edge) for edge in edges) < 1e-6 * value:
        return
    assert read(item.id, value, item.unit).level is read(item.id, value * item.factor, item.us_unit).level


def test_limits_are_in_order_and_names_are_unambiguous() -> None:
    names = [name for item in analytes() for name in item.names]
    assert len(names) == len(set(names))
    for item in analytes():
        edges = [item.critical_low, item.low, item.high, item.critical_high]
        given_edges = [edge for edge in edges if edge is not None]
        assert given_edges == sorted(given_edges), item.id
    assert all("https://" in source for source in sources())


def test_an_unknown_name_or_unit_is_refused() -> None:
    with pytest.raises(KnowledgeError, match="one of: sodium"):
        analyte("unobtainium")
    with pytest.raises(KnowledgeError, match=r"mmol/L or mg/dL"):
        read("glucose", 5, "g/dL")
