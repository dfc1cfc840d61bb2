"""Image rows to train and test the image tower and the VLM on: facts, captions, questions, a split by patient.

Only rows whose licence lets us ship what was learnt from them are read (class A or B of the data catalogue); the
sets of class C have no reader here. Every fact has one task and one value; captions and questions are both made
from facts, so that the tower and the VLM learn and are tested on the same truth.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cases.errors import TrainingError

SEED = 20261121
FOLDS = 3
"""One fold of three is the test side: about 65/35 by patient."""

OPEN_LICENCES = ("CC BY", "CC0")
"""Prefixes of the per-image licences of covid_cxr that allow training with attribution; ND is refused."""


@dataclass(frozen=True)
class Task:
    """What may be asked of an image with one right value; `phrases` maps each value to how a caption says it."""

    name: str
    dataset: str
    questions: tuple[str, ...]
    phrases: dict[str, tuple[str, ...]]

    def option(self, value: str) -> str:
        """The value in the words of its first phrase: what an answer option reads."""
        return self.phrases[value][0]


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "breast_finding",
            "busi_us",
            ("Breast ultrasound image. Which category does it belong to?", "What does this breast ultrasound show?"),
            {
                "benign": ("benign lesion", "a benign breast mass with smooth margins", "benign"),
                "malignant": ("malignant lesion", "a malignant breast mass, suspicious for cancer", "malignant"),
                "normal": ("normal breast tissue", "no breast mass, normal tissue", "normal"),
            },
        ),
        Task(
            "retinopathy",
            "dr_fundus",
            ("Does this fundus photograph show diabetic retinopathy?", "Is there retinopathy?"),
            {
                "no": ("no diabetic retinopathy", "no signs of diabetic retinopathy", "no DR"),
                "yes": ("diabetic retinopathy", "signs of diabetic retinopathy", "DR present"),
            },
        ),
        Task(
            "retinopathy_referable",
            "dr_fundus",
            ("Is the retinopathy in this fundus photograph referable?", "Is referral needed?"),
            {
                "no": ("not referable", "no or mild retinopathy, not referable", "no referable retinopathy"),
                "yes": ("referable retinopathy", "moderate or worse diabetic retinopathy", "moderate to severe DR"),
            },
        ),
        Task(
            "maculopathy",
            "dr_fundus",
            ("Does this fundus photograph show diabetic maculopathy?", "Is there maculopathy?"),
            {
                "no": ("no maculopathy", "macula without maculopathy", "maculopathy absent"),
                "yes": ("maculopathy", "diabetic maculopathy with exudates", "maculopathy present"),
            },
        ),
        Task(
            "view",
            "covid_cxr",
            ("Which projection is this chest X-ray?", "Chest X-ray. Which view is it?"),
            {
                "PA": ("PA view", "posteroanterior projection, erect", "PA projection"),
                "AP": ("AP view", "anteroposterior projection, portable or supine", "AP projection"),
            },
        ),
        Task(
            "chest_finding",
            "covid_cxr",
            ("Which pneumonia does this chest X-ray show?", "What is the cause of the pneumonia?"),
            {
                "covid": ("COVID-19 pneumonia", "pneumonia due to COVID-19", "COVID-19"),
                "other": (
                    "other pneumonia",
                    "pneumonia of another cause than COVID-19",
                    "bacterial or other pneumonia",
                ),
            },
        ),
        Task(
            "platelets",
            "bccd_blood",
            ("Are there platelets in this blood smear?", "Blood smear. Do you see platelets?"),
            {
                "no": ("no platelets", "without platelets", "platelets absent"),
                "yes": ("platelets present", "with platelets between the cells", "platelets"),
            },
        ),
        Task(
            "red_cells",
            "bccd_blood",
            ("How many red cells are in this blood smear?", "Are the red cells few or many?"),
            {
                "few": ("10 or fewer red cells", "few red blood cells", "sparse red cells"),
                "many": ("more than 10 red cells", "many red blood cells", "dense red cells"),
            },
        ),
    )
}

MODALITIES: dict[str, tuple[str, ...]] = {
    "busi_us": ("breast ultrasound", "ultrasound of the breast", "sonogram of the breast"),
    "dr_fundus": ("fundus photograph", "colour photograph of the retina", "retinal fundus image"),
    "covid_cxr": ("chest X-ray", "radiograph of the chest", "frontal chest radiograph"),
    "bccd_blood": ("blood smear", "microscopy of a stained blood film", "peripheral blood smear"),
}


@dataclass(frozen=True)
class ImageRow:
    """One image, whom it belongs to, and what is known of it (task name -> value)."""

    id: str
    dataset: str
    path: Path
    group: str
    licence: str
    facts: dict[str, str]


def load_rows(data_dir: Path, datasets: Sequence[str] = tuple(MODALITIES)) -> tuple[ImageRow, ...]:
    """The trainable rows of the multimodal folder, in the order of the files.

    `data_dir` holds one folder per set with `labels.jsonl` and `images/`. Raises TrainingError for a set that has
    no reader here, a folder that is absent, or a line that cannot be read.
    """
    rows: list[ImageRow] = []
    for dataset in datasets:
        if dataset not in _READERS:
            raise TrainingError(
                f"set {dataset!r} is not one that weights may be trained on",
                remedy=f"choose from {', '.join(_READERS)}",
            )
        labels = data_dir / dataset / "labels.jsonl"
        if not labels.is_file():
            raise TrainingError(
                "labels.jsonl is missing", where=str(labels.parent), remedy="point --data at the folder"
            )
        rows.extend(_read(labels, dataset))
    return tuple(rows)


def _read(labels: Path, dataset: str) -> Iterator[ImageRow]:
    for number, line in enumerate(labels.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            known = _READERS[dataset](record)
            path = labels.parent / record["images"][0]
            identity = record["id"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise TrainingError(f"not an image row: {error!r}", where=f"{labels}:{number}") from error
        if known is not None:
            group, licence, facts = known
            yield ImageRow(identity, dataset, path, f"{dataset}:{group}", licence, facts)


def _breast(record: dict) -> tuple[str, str, dict[str, str]] | None:
    return record["id"], "BUSI (Al-Dhabyani 2020), research use", {"breast_finding": record["answer"]}


def _fundus(record: dict) -> tuple[str, str, dict[str, str]] | None:
    grade = int(record["meta"]["grade"])
    facts = {"retinopathy": "yes" if grade > 1 else "no", "retinopathy_referable": "yes" if grade > 3 else "no"}
    if grade < 10:  # grade 10, advanced eye disease, says nothing of the macula
        facts["maculopathy"] = "yes" if grade in (3, 5, 7, 9) else "no"
    return record["meta"]["patient"], "academic use with attribution", facts


def _chest(record: dict) -> tuple[str, str, dict[str, str]] | None:
    meta = record["meta"]
    licence = meta.get("license") or ""
    if not licence.startswith(OPEN_LICENCES) or "ND" in licence:
        return None
    facts = {}
    if meta.get("view"):
        facts["view"] = "AP" if meta["view"].startswith("AP") else "PA"
    answer = record["answer"]
    if answer and answer not in ("No Finding", "ARDS"):
        facts["chest_finding"] = "covid" if "COVID" in answer else "other"
    return str(meta["patientid"]), licence, facts


def _blood(record: dict) -> tuple[str, str, dict[str, str]] | None:
    counts = record["meta"]["counts"]
    facts = {"platelets": "yes" if counts["Platelets"] else "no"}
    if counts["RBC"]:  # a count of nought is a missing annotation
        facts["red_cells"] = "many" if counts["RBC"] > 10 else "few"
    return record["id"], "MIT", facts


_READERS: dict[str, Callable[[dict], tuple[str, str, dict[str, str]] | None]] = {
    "busi_us": _breast,
    "dr_fundus": _fundus,
    "covid_cxr": _chest,
    "bccd_blood": _blood,
}


def folds(rows: Sequence[ImageRow], n_folds: int = FOLDS, seed: int = SEED) -> list[int]:
    """The fold of each row: no patient in two folds, facts balanced within each set."""
    from sklearn.model_selection import StratifiedGroupKFold

    result = [0] * len(rows)
    for dataset in dict.fromkeys(row.dataset for row in rows):
        here = [i for i, row in enumerate(rows) if row.dataset == dataset]
        strata = [" ".join(sorted(f"{k}={v}" for k, v in rows[i].facts.items() if k in _STRATA)) for i in here]
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        for fold, (_, test) in enumerate(splitter.split(here, strata, [rows[i].group for i in here])):
            for position in test:
                result[here[position]] = fold
    return result


_STRATA = ("breast_finding", "retinopathy", "view", "platelets")


def split(rows: Sequence[ImageRow]) -> tuple[list[ImageRow], list[ImageRow]]:
    """(train, test): fold 0 is the test side."""
    fold_of = folds(rows)
    return (
        [row for row, fold in zip(rows, fold_of, strict=True) if fold],
        [row for row, fold in zip(rows, fold_of, strict=True) if not fold],
    )


def shuffle_facts(rows: Sequence[ImageRow], seed: int) -> list[ImageRow]:
    """The null control: within each set the facts are dealt out anew, so that images say nothing about them."""
    import random
    from dataclasses import replace

    generator = random.Random(seed)
    result = list(rows)
    for dataset in dict.fromkeys(row.dataset for row in rows):
        here = [i for i, row in enumerate(rows) if row.dataset == dataset]
        dealt = [rows[i].facts for i in here]
        generator.shuffle(dealt)
        for i, facts in zip(here, dealt, strict=True):
            result[i] = replace(rows[i], facts=facts)
    return result
