"""What a visitor's session does, without a browser: run, stop, talk, judge, and keep to itself."""

import asyncio
from time import process_time

import pytest
from ward_of_scripts import CHEST_PAIN, ScriptedHouse

from cases.case import Gold, TaskKind
from cases.errors import CaseError, MediaError, TrajectoryError
from graphs.trajectory import Feedback
from ui import followup, uploads
from ui.session import STOPPED, Session, case_from, form_options, form_text, read_options


async def finished(settings, store, *, delay_s=0.0) -> Session:
    session = Session(owner="me")
    session.begin(CHEST_PAIN)
    async for _ in session.watch(ScriptedHouse(settings, delay_s).ward(), "round", store, tick_s=0.2, frame_s=0.01):
        pass
    return session


async def test_a_run_ends_with_a_verdict_and_a_trajectory(settings, store):
    session = await finished(settings, store)
    assert session.state == "done"
    assert session.verdict.answer == "B"
    assert store.get(session.run_id).result.verdict == session.verdict
    assert [row.state for row in session.timeline.rows if row.role == "cardiology"] == ["failed"]


async def test_a_stopped_run_is_logged_as_stopped_and_leaves_no_task_behind(settings, store):
    session = Session()
    session.begin(CHEST_PAIN)
    watching = session.watch(ScriptedHouse(settings, 5.0).ward(), "round", store, tick_s=0.1)
    async for _ in watching:
        if session.run_id and session.elapsed_s > 0.2:
            await session.stop()
    assert session.state == "stopped"
    assert session.task.done()
    assert store.get(session.run_id).result.error == STOPPED
    assert session.timeline.rows[-1].failure == STOPPED


async def test_leaving_the_page_cancels_the_run(settings, store):
    session = Session()
    session.begin(CHEST_PAIN)
    watching = session.watch(ScriptedHouse(settings, 5.0).ward(), "round", store, tick_s=0.1)
    await anext(watching)
    await watching.aclose()
    assert session.task.done()
    assert session.state == "stopped"


async def test_a_stop_before_the_models_are_open_is_kept(settings, store):
    session = Session()
    session.begin(CHEST_PAIN)
    await session.stop()
    assert [None async for _ in session.watch(ScriptedHouse(settings).ward(), "round", store)] == []
    assert session.state == "stopped"


async def test_the_clock_ticks_while_nothing_happens(settings, store):
    session = Session()
    session.begin(CHEST_PAIN)
    seen = []
    async for _ in session.watch(ScriptedHouse(settings, 0.5).ward(), "direct", store, tick_s=0.1, frame_s=0.01):
        seen.append(session.elapsed_s)
    assert len(seen) >= 4
    assert seen == sorted(seen)


async def test_a_second_run_cannot_begin_while_one_is_on():
    session = Session()
    session.begin(CHEST_PAIN)
    with pytest.raises(CaseError, match="run is on already"):
        session.begin(CHEST_PAIN)


async def test_an_unknown_strategy_is_a_reason_not_a_crash(settings, store):
    session = Session()
    session.begin(CHEST_PAIN)
    async for _ in session.watch(ScriptedHouse(settings).ward(), "oracle", store, tick_s=0.1):
        pass
    assert session.state == "failed"
    assert "oracle" in session.error.what


async def test_a_follow_up_sees_case_verdict_and_evidence_and_joins_the_trajectory(settings, store):
    session = await finished(settings, store)
    pieces = [text async for text in session.follow_up("Why not A?", store)]
    assert len(pieces) > 1
    assert pieces[-1].startswith("Because PR depression is absent")
    assert [turn.role for turn in session.thread] == ["user", "model"]
    step = store.get(session.run_id).steps[-1]
    assert step.node == "follow_up"
    prompt = "\n".join(store.get(session.run_id).messages[id_].content for id_ in step.prompt)
    for words in ("leads II, III and aVF", '"answer": "B"', "right coronary artery. Record", "Why not A?"):
        assert words in prompt, words


async def test_a_follow_up_never_sees_the_gold_answer(settings, store):
    session = await finished(settings, store)
    secret = Gold(label="B", explanation="the secret explanation")
    case = CHEST_PAIN.model_copy(update={"gold": secret})
    messages = followup.messages_for(case, session.verdict, [], "Which is right?")
    assert "secret" not in str([message.content for message in messages])


async def test_feedback_is_stored_with_the_run(settings, store):
    session = await finished(settings, store)
    session.give_feedback(store, Feedback(thumb="up"))
    session.give_feedback(store, Feedback(correction="was C"))
    assert [(f.thumb, f.correction) for f in store.get(session.run_id).result.feedback] == [("up", ""), (None, "was C")]


async def test_feedback_and_questions_need_a_verdict(store):
    with pytest.raises(CaseError, match="no verdict"):
        Session().give_feedback(store, Feedback(thumb="up"))
    with pytest.raises(CaseError, match="no verdict"):
        await anext(Session().follow_up("why?", store))


async def test_a_session_opens_only_its_own_runs(settings, store):
    mine, yours = await finished(settings, store), Session(owner="you")
    assert mine.open_run(store, mine.run_id).header.id == mine.run_id
    with pytest.raises(TrajectoryError) as refused:
        yours.open_run(store, mine.run_id)
    with pytest.raises(TrajectoryError) as unknown:
        yours.open_run(store, "0" * 32)
    assert refused.value.what == unknown.value.what
    assert yours.open_run(store, mine.run_id, sees_all=True).header.id == mine.run_id


async def test_two_sessions_at_once_keep_their_own_runs(settings, store):
    one, two = await asyncio.gather(finished(settings, store), finished(settings, store))
    assert one.id != two.id
    assert one.runs != two.runs
    assert one.run_id in one.runs
    assert one.run_id not in two.runs


async def test_what_a_visitor_types_is_scrubbed_where_the_settings_ask(settings, store, monkeypatch):
    from types import SimpleNamespace

    from cases import deidentify

    session = await finished(settings, store)
    monkeypatch.setattr(
        deidentify, "deidentify_text", lambda text: SimpleNamespace(text=text.replace("555-123-4567", "[PHONE]"))
    )
    session.give_feedback(store, Feedback(correction="call 555-123-4567"))
    session.ward.settings = session.ward.settings.model_copy(update={"deidentify": True})
    session.give_feedback(store, Feedback(correction="call 555-123-4567", comment="555-123-4567"))
    plain, scrubbed = store.get(session.run_id).result.feedback
    assert plain.correction == "call 555-123-4567"
    assert (scrubbed.correction, scrubbed.comment) == ("call [PHONE]", "[PHONE]")


def test_red_flags_are_found_at_once_and_only_emergencies_warn():
    urgent = CHEST_PAIN.model_copy(
        update={"context": "Crushing substernal chest pain for 40 minutes, radiating to the left arm, sweating."}
    )
    warned, calm = Session(), Session()
    warned.begin(urgent)
    calm.begin(CHEST_PAIN.model_copy(update={"context": "A routine visit. No complaints."}))
    began = process_time()
    warned.warn_of_red_flags()
    assert process_time() - began < 0.5
    calm.warn_of_red_flags()
    assert warned.timeline.red_flags
    assert calm.timeline.red_flags == ()


def test_an_untouched_example_is_run_as_it_ships_and_an_edited_one_is_a_new_case():
    same = case_from(form_text(CHEST_PAIN), form_options(CHEST_PAIN), (), CHEST_PAIN)
    assert same == CHEST_PAIN
    edited = case_from(form_text(CHEST_PAIN) + " Now?", form_options(CHEST_PAIN), (), CHEST_PAIN)
    assert edited.id.startswith("demo-")
    assert edited.options == CHEST_PAIN.options


def test_a_case_without_options_is_an_open_question():
    assert case_from("A man with a rash. What is it?", "", ()).task is TaskKind.OPEN_DIAGNOSIS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A. one\nB. two", {"A": "one", "B": "two"}),
        ("one\ntwo", {"A": "one", "B": "two"}),
        ("b) one\nc) two", {"B": "one", "C": "two"}),
        ("  \n", None),
    ],
)
def test_options_are_read_as_people_write_them(text, expected):
    assert read_options(text) == expected


@pytest.mark.parametrize("text", ["only one", "A. one\nA. two", "A.\nB. two", "\n".join(f"o{i}" for i in range(27))])
def test_options_that_make_no_sense_are_refused(text):
    with pytest.raises(CaseError):
        read_options(text)


@pytest.mark.parametrize("text", ["", "   ", "x" * 60_001])
def test_a_case_that_is_empty_or_too_long_is_refused(text):
    with pytest.raises(CaseError):
        case_from(text, "", ())


def test_an_upload_is_judged_by_its_content_and_not_by_its_name(tmp_path):
    fake = tmp_path / "scan.png"
    fake.write_bytes(b"MZ this is no picture")
    with pytest.raises(MediaError):
        uploads.accept([str(fake)])
    (tmp_path / "run.exe").write_bytes(b"MZ")
    with pytest.raises(MediaError, match="kind of file"):
        uploads.accept([str(tmp_path / "run.exe")])


def test_too_many_and_too_large_uploads_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"x" * 100)
    with pytest.raises(MediaError, match="9 files"):
        uploads.accept([str(path)] * 9)
    monkeypatch.setattr(uploads, "MAX_BYTES", 99)
    with pytest.raises(MediaError, match="too large"):
        uploads.accept([str(path)])


def test_the_deidentifier_is_warmed_even_where_nothing_else_can_be_had(settings, monkeypatch):
    import threading

    from cases import deidentify
    from ui.wiring import House

    done = threading.Event()
    monkeypatch.setattr(deidentify, "deidentify_text", lambda text: done.set())
    lacking = settings.model_copy(update={"evidence_k": 0, "model": "embedded-tiny"})
    House(lacking).warm()
    assert not done.wait(0.2)
    House(lacking.model_copy(update={"deidentify": True})).warm()
    assert done.wait(5)
