"""Doses are read against sourced ceilings for route and age; dangerous pairs are found; what is unknown is said."""

from itertools import permutations

import pytest

from cases.errors import KnowledgeError
from knowledge.drug_safety import (
    Severity,
    _classes,
    _interactions,
    _known,
    ceilings,
    drug_name,
    drugs_named,
    interactions,
    read_dose,
    source,
)  # fmt: skip


@pytest.mark.parametrize(
    ("drug", "mg", "age", "more", "is_above"),
    [
        ("paracetamol", 4000, 40, {}, False), ("acetaminophen", 5000, 40, {}, True), ("citalopram", 40, 45, {}, False),
        ("citalopram", 40, 70, {}, True), ("citalopram", 30, 60.5, {}, False), ("tramadol", 400, 76, {}, True),
        ("simvastatin", 80, 60, {}, True), ("methotrexate", 15, 50, {"per": "week"}, False),
        ("ondansetron", 32, 50, {"per": "dose", "route": "intravenous"}, True),
        ("hydroxychloroquine", 400, 50, {"weight_kg": 60}, True),
        ("hydroxychloroquine", 400, 50, {"weight_kg": 90}, False),
        ("acetaminophen", 3800, 30, {"route": "intravenous", "weight_kg": 48}, True),
    ],
)  # fmt: skip
def test_doses_stand_where_their_sources_put_them(drug: str, mg: float, age: float, more: dict, is_above: bool) -> None:
    found = read_dose(drug, mg, age_years=age, **more)
    assert found.is_above is is_above
    assert "https://" in found.source


def test_a_daily_dose_of_a_weekly_drug_has_no_ceiling_to_hide_behind() -> None:
    with pytest.raises(KnowledgeError, match="per week"):
        read_dose("methotrexate", 10, age_years=50)
    with pytest.raises(KnowledgeError, match="no ceiling of citalopram"):
        read_dose("citalopram", 20, age_years=9)
    with pytest.raises(KnowledgeError, match="no dose ceiling"):
        read_dose("unobtainium", 1, age_years=50)
    with pytest.raises(KnowledgeError, match="no dose"):
        read_dose("losartan", -5, age_years=50)


@pytest.mark.parametrize(
    ("drugs", "severity"),
    [
        (("Sildenafil", "isosorbide mononitrate"), Severity.CONTRAINDICATED),
        (("simvastatin", "clarithromycin"), Severity.CONTRAINDICATED),
        (("warfarin", "ibuprofen"), Severity.MAJOR), (("azathioprine", "allopurinol"), Severity.MAJOR),
        (("sertraline", "linezolid"), Severity.CONTRAINDICATED), (("co-trimoxazole", "methotrexate"), Severity.MAJOR),
        (("morphine", "lorazepam"), Severity.MAJOR), (("rifampicin", "warfarin"), Severity.MAJOR),
        (("doxycycline", "iron"), Severity.MODERATE),
    ],
)  # fmt: skip
def test_dangerous_pairs_are_found_in_any_order(drugs: tuple[str, str], severity: Severity) -> None:
    for order in permutations(drugs):
        report = interactions(order)
        assert [item.severity for item in report.found] == [severity]
        assert report.found[0].drugs == order
        assert report.found[0].action
        assert "https://" in report.found[0].source
        assert report.unknown == ()


def test_harmless_pairs_give_nothing_and_unknown_names_are_said() -> None:
    report = interactions(["amlodipine", "sertraline", "unobtainium"])
    assert report.found == ()
    assert report.unknown == ("unobtainium",)


def test_the_worst_comes_first_and_each_pair_once() -> None:
    found = interactions(["amlodipine", "simvastatin", "itraconazole", "simvastatin"]).found
    assert [item.severity for item in found] == [Severity.CONTRAINDICATED, Severity.MODERATE]


def test_a_text_gives_its_drugs_by_the_tables_names() -> None:
    text = "She takes Warfarin 5 mg, co-trimoxazole and St John's wort; no aspirinlike drug."
    assert drugs_named(text) == ("warfarin", "trimethoprim-sulfamethoxazole", "st john's wort")


def test_the_table_is_whole() -> None:
    pairs = [frozenset(item.between) for item in _interactions()]
    assert len(pairs) == len(set(pairs))
    assert len(pairs) >= 50
    for item in _interactions():
        assert source(item.source)
        assert all(name in _known() or name in _classes() for name in item.between)
    for item in ceilings():
        assert source(item.source)
        assert item.per in ("dose", "day", "week")
        assert drug_name(item.drug) == item.drug
    with pytest.raises(KnowledgeError, match="no source"):
        source("hearsay")
