"""The model card of a training result, written from its record alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.encoders import KNOWN

PROVENANCE = {
    "twitter-financial-news-sentiment": "finance tweets and headlines with three sentiment labels; annotations MIT",
    "twitter-financial-news-topic": "finance tweets and headlines with twenty topics; annotations MIT",
    "sentfin-1.0": "SEntFiN 1.0, Indian financial headlines with entity sentiment (sentence label used); MIT",
    "stock-market-tweets-2020": "tweets of April to July 2020 (Taborda et al.); CC BY 4.0",
    "finance_zh": "Chinese sentences written for Bellwether (trainer/examples); Apache-2.0",
}
"""What is known about the sets that ship models are trained or checked on; others are listed without a word."""

BASES = {
    "bge-small-en": "BAAI/bge-small-en-v1.5 (MIT)",
    "bge-small-zh": "BAAI/bge-small-zh-v1.5 (MIT)",
    "minilm-en": "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
}

DRAWN = "training texts"
"""Where the texts that versions are built with come from, unless a file was given."""

KINDS = {
    "lora": "LoRA adapter",
    "adalora": "AdaLoRA adapter",
    "ia3": "IA³ adapter",
    "partial": "Weights of the last layers",
    "full": "Weights of the whole encoder",
}
"""What a training of each kind of recipe leaves."""

LANGUAGES = {"en": "English", "zh": "Chinese"}
"""How a card names the languages of the known encoders."""


def card(facts: Mapping[str, Any], calibration: Mapping[str, Any]) -> str:
    """Markdown for people: what it is, what from, how good, how sure of that, and where not to use it.

    Args:
        facts: the content of training.json.
        calibration: the content of calibration.json.
    """
    encoder = facts["encoder"]["name"]
    parts = [
        f"# {facts['name']}\n",
        f"{KINDS[facts.get('kind', 'lora')]}, heads and calibration for {BASES.get(encoder, encoder)}.",
        *_ancestry(facts),
        "One forward pass answers "
        + " and ".join(f"{t} ({len(c['labels'])} labels)" for t, c in calibration["tasks"].items())
        + ".",
        "Apache-2.0; `bellwether models build` merges it into its encoder.\n",
        *_data(facts),
        *_scores(facts),
        *_corrected(facts),
        *_classes(facts),
        *_calibrated(facts, calibration),
        *_spread(facts),
        *_use(encoder),
        *_again(facts),
    ]
    return "\n".join(parts) + "\n"


def _ancestry(facts: Mapping[str, Any]) -> list[str]:
    """Which version it goes on from, and how much of the old was learnt again."""
    said = [f"Training went on from version {facts['parent']}."] if facts.get("parent") else []
    if facts.get("replayed_texts"):
        names = ", ".join(file["name"] for file in facts["replay"])
        said.append(f"{facts['replayed_texts']:,} of its texts are old ones, learnt again beside the new: of {names}.")
    return said


def _data(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Data\n",
        f"{facts['trained_texts']:,} different texts were trained on, "
        f"after {facts['merged'].get('repeats', 0):,} repeats were merged and "
        f"{facts['merged'].get('contradict', 0):,} labels dropped because copies of a text contradict each other.",
        f"Split by hash, so that near-copies stay on one side: `{facts['split']}`.",
        "The licences cover the annotations; the texts belong to their publishers and none is in this repository.\n",
        "| file | train | valid | test | skipped | what |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for file in facts["data"]:
        rows, skipped = file["rows"], sum(file["skipped"].values())
        what = PROVENANCE.get(file["name"].split("/")[0], "")
        lines.append(
            f"| {file['name']} | {rows['train']:,} | {rows['valid']:,} | {rows['test']:,} | {skipped:,} | {what} |"
        )
    for file in facts["checks"]:
        total, what = sum(file["rows"].values()), PROVENANCE.get(file["name"].split("/")[0], "")
        lines.append(
            f"| {file['name']} | 0 | 0 | {total:,} | {sum(file['skipped'].values()):,} | {what}; never trained on |"
        )
    reasons = {reason: n for file in facts["data"] for reason, n in file["skipped"].items()}
    if own := facts.get("headlines"):
        lines += [
            "",
            f"`headlines.txt` holds {own['texts']} texts ({own['from']}) to build versions with; eight of them stand "
            "in each version's manifest.",
        ]
    if reasons:
        lines += [
            "",
            "Skipped: " + ", ".join(f"{n:,} rows with {reason}" for reason, n in sorted(reasons.items())) + ".",
        ]
    return [*lines, ""]


def _scores(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Scores\n",
        "On texts that were not trained on; brackets are 95 % bootstrap intervals (2,000 resamples of the texts).",
        "TF-IDF + logistic regression and the majority label were fitted on the same training texts.\n",
        "| data | task | n | model | accuracy | macro-F1 | ECE |",
        "| --- | --- | ---: | --- | --- | --- | --- |",
    ]
    for score in facts["scores"]:
        note = " (other source and year, whole)" if score["part"] == "all" else ""
        where = f"| {score['data']}{note} | {score['task']} | {score['n']:,} "
        spans = score["intervals"]
        cells = [
            f"**{score[key]:.3f}** [{spans[key][0]:.3f}, {spans[key][1]:.3f}]"
            for key in ("accuracy", "macro_f1", "ece")
        ]
        lines.append(f"{where}| **{facts['name']}** | " + " | ".join(cells) + " |")
        for name, title in (("tfidf", "TF-IDF + LR"), ("majority", "majority")):
            if name not in score:
                continue
            cells = [f"{score[name][key]:.3f}" for key in ("accuracy", "macro_f1", "ece")]
            lines.append(f"{where}| {title} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "A resampled ECE is biased upwards (each resample adds its own noise), so its interval sits above the point.",
    ]
    return [*lines, ""]


def _corrected(facts: Mapping[str, Any]) -> list[str]:
    """What was done to the answers after training, and which set it was decided on."""
    strengths = {task: strength for task, strength in facts.get("prior_correction", {}).items() if strength}
    if not strengths:
        return []
    named = ", ".join(f"{strength:g} for {task}" for task, strength in strengths.items())
    lines = [
        f"After training, a part of the labels' log frequency was taken off the logits ({named}; Menon et al. 2021):",
        "half of the training texts are neutral, and other sources are not.",
        "On the sets that were trained on it moved macro-F1 by less than 0.01 either way.",
    ]
    if facts["checks"]:
        names = ", ".join(file["name"] for file in facts["checks"])
        lines.append(
            f"That it helps elsewhere was seen on {names}, so the scores there are not those of an untouched set."
        )
    return [*lines, ""]


def _classes(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Per class\n",
        "| data | label | precision | recall | F1 | texts |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for score in facts["scores"]:
        for label, own in score["per_class"].items():
            name = label.replace("|", "\\|")
            numbers = " | ".join(f"{own[key]:.3f}" for key in ("precision", "recall", "f1"))
            lines.append(f"| {score['data']} | {name} | {numbers} | {own['support']:,} |")
    return [*lines, ""]


def _calibrated(facts: Mapping[str, Any], calibration: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Calibration\n",
        "One temperature and one threshold per task, fitted on the validation part; recipes were compared on it too.",
        "ECE: top label, 15 equal-width bins.",
        "Under its threshold a label is marked as abstained: there it was right no more often than a coin flip.\n",
        "| task | temperature | abstains below | data | ECE before | ECE after | answered | accuracy of these |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for score in facts["scores"]:
        own = calibration["tasks"][score["task"]]
        right = score["accuracy_answered"]
        lines.append(
            f"| {score['task']} | {own['temperature']:.3f} | {own['abstain_below']:.2f} | {score['data']} | "
            f"{score['ece_before']:.3f} | {score['ece']:.3f} | {score['answered']:.3f} | "
            f"{'–' if right is None else f'{right:.3f}'} |"
        )
    return [*lines, ""]


def _spread(facts: Mapping[str, Any]) -> list[str]:
    if not facts["spread"]:
        return ["## Spread over seeds\n", "One seed was trained; the intervals above are over texts only.", ""]
    lines = [
        "## Spread over seeds\n",
        *_spread_words(facts),
        "| data | task | seeds | macro-F1 | accuracy | ECE |",
        "| --- | --- | ---: | --- | --- | --- |",
    ]
    same = all(run["same_recipe"] for run in facts["spread"])
    runs: list[Mapping[str, Any]] = [*([facts] if same else []), *facts["spread"]]
    for score in facts["scores"]:
        key = (score["data"], score["task"])
        own = [s for run in runs for s in run["scores"] if (s["data"], s["task"]) == key]
        cells = [_range([s[name] for s in own]) for name in ("macro_f1", "accuracy", "ece")]
        lines.append(f"| {score['data']} | {score['task']} | {len(own)} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _spread_words(facts: Mapping[str, Any]) -> list[str]:
    seeds = ", ".join(str(run["seed"]) for run in facts["spread"])
    if all(run["same_recipe"] for run in facts["spread"]):
        return [f"The same recipe with seeds {facts['seed']} (this model), {seeds}: mean (lowest to highest).\n"]
    first = facts["spread"][0]
    return [
        "One seed of this model was trained; how far its scores move with the seed was not measured on it.",
        f"What was measured is the spread of recipe {first['name']} on {first['encoder']} with seeds {seeds}, "
        f"each {first['steps']:,} steps on {first['trained_texts']:,} texts: mean (lowest to highest).\n",
    ]


def _range(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})" if values else "–"


def _use(encoder: str) -> list[str]:
    known = KNOWN.get(encoder)
    language = f"{LANGUAGES[known.language]} financial text" if known else "text like that which it was trained on"
    return [
        "## Use and limits\n",
        f"For short {language}: headlines, tweets, posts. It follows the mood and the subject of a stream.",
        "Sentiment is that of the whole text towards what it speaks of, as annotators saw it: no forecast, no advice.",
        "It is weaker, as the table shows, on sources and years that it was not trained on.",
        "Posts of many sentences, irony and other languages were not trained on at all.",
        "A text that praises one company and buries another gets one label.",
        "The labels of the training data are noisy: a part of what counts as an error here is an error of the label.\n",
    ]


def _again(facts: Mapping[str, Any]) -> list[str]:
    files = " ".join(f"--data $BELLWETHER_DATA/{file['name']}" for file in facts["data"])
    checks = "".join(f" --check $BELLWETHER_DATA/{file['name']}" for file in facts["checks"])
    again = "".join(f" --replay $BELLWETHER_DATA/{file['name']}" for file in facts.get("replay", []))
    parent = f" --parent {facts['parent']}" if facts.get("parent") else ""
    own = facts.get("headlines", {"from": DRAWN})["from"]
    headlines = "" if own == DRAWN else f" --headlines {own}"
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    return [
        "## Train it again\n",
        "```sh",
        f"bellwether train --recipe {facts['name']} {files}{again}{parent}{checks}{headlines} "
        f"--seed {facts['seed']} --threads 1 --precision {facts['precision']} --out {facts['name']}",
        "```\n",
        f"{facts['steps']:,} steps, {facts['seconds'] / 60:.0f} minutes on one core, {facts['precision']}; {packages}.",
        "The same machine gives the same weights; another one rounds differently and scores within the spread.",
    ]
