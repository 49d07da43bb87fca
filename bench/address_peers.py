"""Public tools on addresses, in an environment of their own: started by `bench/addresses.py`, imports nothing of ours.

python bench/address_peers.py {crf,cpca,jionlp} < task.json > answer.json
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

_REACH = 2
_ENDINGS = set("省市区县镇乡村街路道巷弄号幢栋座楼层室单元房期园苑厦院")


def crf(task: dict[str, Any]) -> dict[str, Any]:
    """A linear-chain CRF on windows of characters, character classes, bigrams and the marks of the official list."""
    from sklearn_crfsuite import CRF

    model = CRF(algorithm="lbfgs", c1=0.05, c2=0.02, max_iterations=90, all_possible_transitions=True)
    began = time.process_time()
    model.fit([features(row) for row in task["train"]], [row["labels"] for row in task["train"]])
    trained = time.process_time()
    found = [list(model.predict_single(features(row))) for row in task["scored"]]
    return {
        "labels": found,
        "training_seconds": trained - began,
        "us": (time.process_time() - trained) / len(found) * 1e6,
    }


def features(row: dict[str, Any]) -> list[dict[str, float]]:
    """What the CRF knows of each token."""
    tokens = row["tokens"]
    kinds = [kind(token) for token in tokens]
    marks: list[list[str]] = [[] for _ in tokens]
    for place, mark in row["marks"]:
        marks[place].append(f"mark={mark}")
    return [dict.fromkeys(of_token(tokens, kinds, place) | set(marks[place]), 1.0) for place in range(len(tokens))]


def of_token(tokens: list[str], kinds: list[str], place: int) -> set[str]:
    """Names of the features that one token has."""
    count = len(tokens)
    found = {"always", f"size={len(tokens[place])}", f"quarter={min(place // 4, 6)}"}
    for step in range(-_REACH, _REACH + 1):
        near = place + step
        found |= {f"c{step}={tokens[near]}", f"k{step}={kinds[near]}"} if 0 <= near < count else {f"end{step}"}
    for step in range(-_REACH, _REACH):
        near = place + step
        if 0 <= near < count - 1:
            found.add(f"b{step}={tokens[near]}{tokens[near + 1]}")
    if 0 < place < count - 1:
        found.add(f"t={tokens[place - 1]}{tokens[place]}{tokens[place + 1]}")
    ahead = next((token for token in tokens[place : place + 7] if token[-1] in _ENDINGS), "")
    behind = next((token for token in reversed(tokens[max(0, place - 6) : place]) if token[-1] in _ENDINGS), "")
    return found | {f"ahead={ahead}", f"behind={behind}", f"ahead={ahead} {kinds[place]}"}


def kind(token: str) -> str:
    """The class of a token's first character."""
    first = token[0]
    if first.isdigit():
        return "digit"
    if first.isascii() and first.isalpha():
        return "letter"
    if first in "一二三四五六七八九十":
        return "numeral"
    return "other" if first.isalnum() else "mark"


def cpca(task: dict[str, Any]) -> dict[str, Any]:
    """cpca: province, city and district, one address at a time."""
    import cpca as tool

    def read(text: str) -> list[str]:
        row = tool.transform([text]).iloc[0]
        return [row["省"] or "", row["市"] or "", row["区"] or ""]

    return each(read, task)


def jionlp(task: dict[str, Any]) -> dict[str, Any]:
    """jionlp: province, city and county."""
    import jionlp as tool

    def read(text: str) -> list[str]:
        found = tool.parse_location(text)
        return [found.get("province") or "", found.get("city") or "", found.get("county") or ""]

    return each(read, task)


def each(read: Callable[[str], list[str]], task: dict[str, Any]) -> dict[str, Any]:
    """The divisions that a tool finds in every address, and its processor time."""
    read("浙江省杭州市西湖区")  # loads its lists
    began = time.process_time()
    found = [read("".join(row["tokens"])) for row in task["scored"]]
    return {"divisions": found, "us": (time.process_time() - began) / len(found) * 1e6}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Some tools greet on standard output, where the answer goes."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


if __name__ == "__main__":
    with quiet():
        answer = {"crf": crf, "cpca": cpca, "jionlp": jionlp}[sys.argv[1]](json.load(sys.stdin))
    json.dump(answer, sys.stdout, ensure_ascii=False)
