"""A house whose model follows a script and whose search holds three passages: what the ui's tests run on."""

import threading
from datetime import date
from pathlib import Path

from langchain_core.language_models import BaseChatModel
from PIL import Image, ImageDraw
from scripted import scripted

from cases.case import Case, Media, Patient, TaskKind
from cases.evidence import Evidence
from cases.settings import Settings
from models.scripted import Rule
from ui.wiring import House

PASSAGES = (
    Evidence(
        id="g-0001",
        title="Acute coronary syndromes: initial management",
        text=(
            "Reperfusion. In patients with ST-segment elevation in leads II, III and aVF the occluded vessel is most "
            "often the right coronary artery. Record right-sided leads. Give oxygen only when saturation is low."
        ),
        source="10.1000/example.acs",
        licence="MIT",
        published=date(2023, 8, 25),
        scores={"dense": 0.71, "bm25": 11.2},
        score=0.9,
    ),
    Evidence(
        id="g-0002",
        title="Pericarditis <script>alert('title')</script>",
        text="Diffuse ST elevation with PR depression suggests pericarditis. {{constructor}} ${alert(1)}",
        source="https://example.org/pericarditis",
        licence="MIT",
        score=0.4,
    ),
    Evidence(id="g-0003", title="Aortic dissection", text="Tearing pain that moves to the back.", score=0.2),
)

OPTIONS = {
    "A": "Acute pericarditis",
    "B": "Inferior myocardial infarction",
    "C": "Aortic dissection",
    "D": "Pulmonary embolism",
}

CHEST_PAIN = Case(
    id="example-ecg",
    question="Which diagnosis fits best?",
    context="The patient's ECG of this morning shows ST elevation in leads II, III and aVF.",
    options=OPTIONS,
    patient=Patient(age_years=58, sex="male", history=("hypertension",)),
    meta={"title": "ST elevation in the inferior leads"},
)


def opinion(answer: str, rationale: str, quote: str = "", evidence: int = 1) -> dict:
    return {
        "findings": ["ST elevation in II, III, aVF"],
        "citations": [{"evidence": evidence, "quote": quote}] if quote else [],
        "rationale": rationale,
        "answer": answer,
        "would_change": ["PR depression in several leads"],
    }


def rules(delay_s: float = 0.0) -> list[Rule]:
    """The panel: two agree, one dissents, one never answers; the attending quotes one span that is not there."""
    right = opinion(
        "B",
        "Inferior leads are involved, as the right coronary artery supplies them [1]. <script>alert('model')</script>",
        "the occluded vessel is most often the right coronary artery",
    )
    made_up = {"evidence": 2, "quote": "troponin is always normal in pericarditis"}
    final = {**right, "citations": [*right["citations"], made_up]}
    split = {"A": 0.3, "B": 0.4, "C": 0.2, "D": 0.1}
    sure = {"A": 0.14, "B": 0.78, "C": 0.05, "D": 0.03}
    asks = "final answer|reply with it alone"
    return [
        Rule(pattern="clinician asks", reply="Because PR depression is absent [2]. <img src=x onerror=alert(2)>"),
        Rule(pattern=asks, anywhere="You are the attending", probabilities=sure, delay_s=delay_s),
        Rule(pattern=asks, anywhere="cardiology specialist", fail="timeout"),
        Rule(pattern=asks, anywhere="internal medicine specialist", probabilities={"A": 0.8, "B": 0.2}),
        Rule(pattern=asks, probabilities=split, delay_s=delay_s),
        Rule(pattern="You are the attending", reply=final, delay_s=delay_s),
        Rule(pattern="cardiology specialist", fail="timeout", delay_s=delay_s),
        Rule(pattern="internal medicine specialist", reply=opinion("A", "ST elevation is diffuse."), delay_s=delay_s),
        Rule(pattern="specialist (on|of) the panel", reply=right, delay_s=delay_s),
        Rule(reply=right, has_schema=True, delay_s=delay_s),
    ]


class ThreePassages:
    """A search that always finds the same."""

    manifest_id = "three-passages"

    def search(self, query: str, k: int = 4) -> list[Evidence]:
        return list(PASSAGES[:k])


class ScriptedHouse(House):
    """Every run gets its own fresh script, so that sessions do not eat each other's rules."""

    def __init__(self, settings: Settings, delay_s: float = 0.0):
        super().__init__(settings)
        self.delay_s = delay_s
        self.may_open = threading.Event()
        """Cleared: models stay in opening until it is set."""
        self.may_open.set()

    def chat(self, spec: str | None = None) -> BaseChatModel:
        self.may_open.wait(60)
        return scripted(*rules(self.delay_s), token_delay_s=0.005)

    def vision(self) -> None:
        return None

    def search(self) -> ThreePassages:
        return ThreePassages()


def image_case(folder: Path) -> Case:
    """A case with one drawn picture."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.new("L", (320, 240), 20)
    ImageDraw.Draw(picture).ellipse((90, 60, 230, 190), fill=170)
    path = folder / "picture.png"
    picture.save(path)
    return Case(
        id="example-image",
        question="What does the image show?",
        task=TaskKind.OPEN_DIAGNOSIS,
        media=(Media(uri=str(path), modality="US", body_region="breast"),),
        meta={"title": "A round thing"},
    )
