"""Write cases/lists/clinical_words.txt: words that clinical English spells small, and that are therefore no names.

    python scripts/clinical_words.py ../shared/data

Counted in texts under MIT or CC BY 4.0 (MedQuAD, PubMedQA, MTS-Dialog, MedQA training questions); a word list holds
no sentence of them.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

TARGET = Path(__file__).parents[1] / "cases" / "lists" / "clinical_words.txt"
SOURCES = ("train/pubmedqa_l_train.jsonl", "train/mts_dialog_train.jsonl", "train/medqa_train_5opt.jsonl")
SMALL = re.compile(r"(?<![\w'’-])[a-z]{2,}(?![\w’'-]*[A-Z])")
MINIMUM = 3


def counted(data: Path) -> Counter[str]:
    """How often each word stands in small letters."""
    import pandas as pd

    counts: Counter[str] = Counter()
    for answer in pd.read_parquet(data / "knowledge" / "medquad_qa.parquet").answer:
        counts.update(SMALL.findall(answer or ""))
    for name in SOURCES:
        for line in (data / name).read_text(encoding="utf-8").split("\n"):
            if not line:
                continue
            row = json.loads(line)
            for field in ("question", "context", "explanation", "answer"):
                counts.update(SMALL.findall(str(row.get(field) or "")))
    return counts


def main() -> None:
    words = sorted(word for word, count in counted(Path(sys.argv[1])).items() if count >= MINIMUM)
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) >= 118:
            lines.append(line.strip())
            line = ""
        line += f"{word} "
    head = (
        f"# Words that stand in small letters at least {MINIMUM} times in MedQuAD, PubMedQA, MTS-Dialog and MedQA "
        "(training parts).\n# Made by scripts/clinical_words.py.\n"
    )
    TARGET.write_text(head + "\n".join([*lines, line.strip()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
