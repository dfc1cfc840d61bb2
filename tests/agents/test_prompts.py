"""What a prompt shows, in which order, and what it never shows."""

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from panel import case

from agents import prompts
from agents.opinion import CriticNote, Opinion
from cases.case import Case, Finding, Media, Patient, TaskKind, Visit
from cases.evidence import Evidence

SCAN = Media(uri="/data/pneumonia_positive_0042.png", modality="CT", view="axial", caption="shows pneumonia")


def test_file_names_captions_and_ids_never_reach_a_prompt():
    asked = case("pneumonia-0042", media=(SCAN,), visits=(Visit(media=(SCAN,)),), source="pneumonia-set")
    text = str(prompts.case_messages(asked, images=["data:image/png;base64,AA"]))
    assert "image 1 (CT, axial); image 2 (CT, axial)" in text
    for leak in ("0042", "pneumonia", '.png"', "/data/"):
        assert leak not in text.replace("data:image/png", ""), leak


def test_the_case_comes_before_the_evidence_and_the_role_last():
    first = prompts.case_messages(case())
    shown = prompts.case_messages(case(), [Evidence(id="p", title="T", text="words")])
    assert isinstance(first[0], SystemMessage)
    assert first[0] == shown[0]
    assert str(shown[1].content).startswith(str(first[1].content))
    assert str(shown[1].content).endswith('Evidence:\n[1] "words" (T)')


def test_images_are_blocks_with_their_hashes_and_a_text_model_gets_their_names_only():
    asked = case(media=(SCAN.model_copy(update={"sha256": "ab" * 32}),))
    seeing = prompts.case_messages(asked, images=["data:image/png;base64,AA"])[1]
    assert seeing.content[0] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert seeing.additional_kwargs["media"] == ["ab" * 32]
    reading = prompts.case_messages(asked)[1]
    assert isinstance(reading.content, str)
    assert "image 1 (CT, axial)" in reading.content


def test_everything_clinical_is_in_the_text():
    asked = Case(
        id="x",
        question="What is it?",
        context="Seen in clinic.",
        task=TaskKind.OPEN_DIAGNOSIS,
        patient=Patient(age_years=61, sex="male", weight_kg=80.5, medications=("digoxin",), allergies=("latex",)),
        visits=(
            Visit(
                offset_days=3,
                findings=(Finding(name="fever", is_present=False), Finding(name="sodium", value=121.0, unit="mmol/L")),
                note="Worse.",
            ),
        ),
    )
    text = prompts.case_text(asked)
    for fact in ("61 years, male, 80.5 kg", "Medications: digoxin", "Allergies: latex", "Visit 1 (day 3)", "no fever",
                 "sodium 121 mmol/L", "Worse.", "Seen in clinic.", "Question: What is it?"):  # fmt: skip
        assert fact in text, fact
    assert "Options" not in text


def test_opinions_are_anonymous_and_only_serious_notes_are_passed_on():
    text = prompts.opinions_text(
        [Opinion(role="cardiology", answer="B", rationale="x"), Opinion(role="neurology", answer=None)]
    )
    assert text == "Doctor 1: B - x\nDoctor 2: no answer - "
    notes = [
        CriticNote(kind="anchoring", message="low", severity="info"),
        CriticNote(kind="citation", message="mid"),
        CriticNote(kind="safety", message="high", severity="critical"),
    ]
    assert prompts.notes_text(notes) == "Critic: high\nCritic: mid\n"
    assert prompts.notes_text([]) == ""


def test_user_messages_are_merged_for_templates_that_demand_alternation():
    merged = prompts.merge_user_messages(
        [SystemMessage("s"), HumanMessage("a"), HumanMessage("b"), AIMessage("c"), HumanMessage("d")]
    )
    assert [message.type for message in merged] == ["system", "human", "ai", "human"]
    assert merged[1].content == "a\n\nb"
    block = {"type": "image_url", "image_url": {"url": "u"}}
    with_image = prompts.merge_user_messages([HumanMessage([block]), HumanMessage("b")])
    assert with_image[0].content == [block, {"type": "text", "text": "b"}]


def test_the_size_of_a_prompt_counts_text_and_images():
    block = {"type": "image_url", "image_url": {"url": "u" * 999}}
    message = HumanMessage([block, {"type": "text", "text": "four"}])
    assert prompts.size_of([SystemMessage("ab"), message]) == (6, 1)


def test_long_evidence_is_cut_where_it_says_so():
    assert prompts.shorten("one  two three", 3) == "one two three"
    assert prompts.shorten("one two three four", 3) == "one two three ..."


def test_replies_are_wanted_in_english_or_in_the_language_of_the_case():
    assert "Write in English" in prompts.case_messages(case())[0].content
    assert "Write in the language of the case" in prompts.case_messages(case(language="ko"))[0].content
