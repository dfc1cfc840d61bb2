"""Images: checked before anyone reads them, read by whoever sees, and reasoned on as evidence."""

import pytest
from panel import ASKS_LABEL, SURE, UNSURE, answering, case, form, ward
from PIL import Image
from scripted import scripted

from agents import imaging, triage
from agents.opinion import FailureKind
from cases.case import Media
from cases.media import load_media
from graphs.strategies import adjudicate_case
from models.scripted import Rule, ScriptedChat


@pytest.fixture
def scan(tmp_path) -> Media:
    Image.effect_noise((128, 128), 90).save(tmp_path / "covid_positive.png")
    return load_media(tmp_path / "covid_positive.png").model_copy(update={"modality": "CT"})


@pytest.fixture
def photograph(tmp_path) -> Media:
    noise = [Image.effect_noise((128, 128), 200) for _ in range(3)]
    Image.merge("RGB", noise).save(tmp_path / "holiday.png")
    return load_media(tmp_path / "holiday.png").model_copy(update={"modality": "CT"})


def reader(probabilities=SURE):
    return scripted(
        Rule(
            pattern="Describe what these images show", reply="finding: ground-glass opacity in the left lung; answer: C"
        ),
        Rule(pattern=ASKS_LABEL, probabilities=probabilities),
    )


async def test_what_the_vision_model_sees_becomes_an_opinion_and_evidence_for_the_text_model(scan):
    house = ward(*answering("B", UNSURE), vision=reader())
    verdict = await adjudicate_case(case(media=(scan,)), "round", house)
    assert verdict.evidence[0].id == "imaging-reading"
    assert verdict.evidence[0].text.startswith(
        "ground-glass opacity in the left lung Image model's ranking: amoxicillin"
    )
    assert verdict.baseline_usage.calls == 2, "the baseline of an image case is the model that sees it"
    text = [str(call.messages[1].content) for call in house.chat.calls]
    assert text
    assert all("ground-glass opacity in the left lung" in shown for shown in text)
    assert all("covid_positive" not in str(call.messages) for call in house.chat.calls + house.vision.calls)


async def test_direct_on_an_image_case_is_the_vision_model_alone(scan):
    house = ward(*answering("A", UNSURE), vision=reader())
    verdict = await adjudicate_case(case(media=(scan,)), "direct", house)
    assert (verdict.answer, len(house.chat.calls)) == ("B", 0)


async def test_a_chat_model_that_sees_is_shown_the_pictures_themselves(scan):
    house = ward(*answering("B", UNSURE), chat_sees_images=True)
    await adjudicate_case(case(media=(scan,)), "round", house)
    assert all("data:image/" in str(call.messages[1].content) for call in house.chat.calls)


async def test_a_photograph_that_claims_to_be_a_ct_reaches_no_model_and_is_named(photograph):
    house = ward(*answering("B", UNSURE), vision=reader())
    verdict = await adjudicate_case(case(media=(photograph,)), "round", house)
    assert not house.vision.calls
    assert [(f.role, f.kind) for f in verdict.quorum.failures] == [("imaging", FailureKind.TOOL)]
    assert any("not read" in note.message and "photograph" in note.message for note in verdict.critic_notes)
    assert verdict.answer == "B", "the text model still answers from the record"


async def test_a_missing_file_is_a_note_and_not_an_end(tmp_path):
    gone = Media(uri=str(tmp_path / "gone.png"), modality="CT")
    verdict = await adjudicate_case(case(media=(gone,)), "round", ward(*answering("B", SURE), vision=reader()))
    assert verdict.answer == "B"
    assert any(note.kind == "missing" for note in verdict.critic_notes)


def test_media_are_checked_in_order(scan, photograph):
    checks = imaging.check_media(case(media=(scan, photograph)))
    assert [check.is_usable for check in checks] == [True, False]


def test_triage_sends_an_image_to_who_reads_it_and_calls_it_complex(scan):
    plan = triage.plan(case(media=(scan.model_copy(update={"modality": "fundus photograph"}),)), specialists=2)
    assert plan.complexity == "complex"
    assert plan.specialties[0] == "ophthalmology"
    assert triage.plan(case(), specialists=2).complexity == "simple"


async def test_the_triage_model_may_raise_what_the_rules_said_and_never_lower_it():
    reply = {"acuity": "routine", "complexity": "complex", "specialties": ["Cardiology", "astrology"]}
    rules = [Rule(pattern="You are triage", reply=reply), *answering("B", SURE)]
    house = ward(*rules, settings={"asks_triage_model": True, "specialists": 2})
    verdict = await adjudicate_case(case(), "round", house)
    assert verdict.route == "complex"
    prompts = [call.messages[-1].content for call in house.chat.calls]
    assert any("cardiology specialist" in text for text in prompts)
    assert not any("astrology" in text for text in prompts)
    assert form("B")


class ChestReader(ScriptedChat):
    """A model that was made for chest X-rays only."""

    families: frozenset[str] = frozenset({"x-ray"})


@pytest.mark.parametrize("strategy", ["direct", "round", "self_consistency"])
async def test_an_image_model_is_not_shown_what_it_was_not_made_to_read(scan, strategy):
    house = ward(*answering("B", UNSURE), vision=ChestReader(rules=reader().rules))
    verdict = await adjudicate_case(case(media=(scan,)), strategy, house)
    assert house.vision.calls == []
    assert verdict.answer == "B"
    assert not any("ground-glass" in evidence.text for evidence in verdict.evidence)


async def test_the_round_says_which_image_was_not_read_and_why(scan):
    house = ward(*answering("B", UNSURE), vision=ChestReader(rules=reader().rules))
    verdict = await adjudicate_case(case(media=(scan,)), "round", house)
    assert any("does not read ct, only x-ray" in failure.message for failure in verdict.quorum.failures)


async def test_an_image_of_the_kind_it_reads_is_shown_to_it(scan):
    house = ward(*answering("B", UNSURE), vision=ChestReader(rules=reader().rules))
    await adjudicate_case(case(media=(scan.model_copy(update={"modality": "Chest X-ray"}),)), "round", house)
    assert house.vision.calls
