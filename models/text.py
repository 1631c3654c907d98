"""The one cleaner of texts: the worker, `score`, `evaluate` and `train` all see a text through it."""

from __future__ import annotations

import html
import re
import unicodedata

CLEANING = "2"
"""Version of the rules below; it stands in each model's manifest and each scored event. Change a rule, change it."""

URL_MASK = "http"
"""What a URL becomes: that there was one is a signal, its random path is 10 to 20 tokens of noise and cost."""

HANDLE_MASK = "@user"
"""What an @handle becomes: no model should learn what a person's name says about a share."""

UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Scripts that put no space between words, for a character class: Japanese, Chinese, Korean."""

_WIDE = f"{UNSPACED}\u3000-\u303f\uff00-\uffef"  # with their punctuation: a URL begins and ends at each of them
_BEGINS = rf"(?:\b|(?<=[{_WIDE}]))"
_IN_URL = rf"[^\s{_WIDE}]"
_URL = re.compile(
    rf"(?i:{_BEGINS}(?:https?:/{_IN_URL}*|www\.{_IN_URL}+|pic\.twitter\.com/{_IN_URL}+|t\.co/{_IN_URL}+))"
)
_REPEATED_MASK = re.compile(rf"{URL_MASK}(?:\s+{URL_MASK}\b)+")
_HANDLE = re.compile(rf"(?:(?<![\w@.])|(?<=[{_WIDE}]))@\w{{1,50}}")
_SPACE = re.compile(r"\s+")
# Letters and digits drawn as mathematical symbols (bold, script, ...) or full width: fashion in posts, unknown to
# every vocabulary. Only these are folded; NFKC on everything would also turn one "…" into three tokens.
_STYLED = re.compile("[\U0001d400-\U0001d7ff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")
# Control, format (zero-width, bidirectional marks, byte-order mark), surrogate and private characters; spaces stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e01ef]+"
)
_NOT_WORD = re.compile(r"[\W_]+")
_MASKS = re.compile(rf"{_BEGINS}{URL_MASK}(?:\b|(?=[{_WIDE}]))|{HANDLE_MASK}")


def clean(text: str) -> str:
    r"""Make a text what every model was trained on; case, cashtags, hashtags and emoji stay.

    Unescapes HTML, composes characters (NFC), folds styled letters, drops what nobody sees, masks URLs and handles,
    collapses white space. Idempotent; linear in the length of the text.

    Returns:
        the cleaned text, empty where nothing visible was in it.

    >>> clean("RT @jane: $ACME up 5% &amp; rising\u200b  https://t.co/x1 https://t.co/y2")
    'RT @user: $ACME up 5% & rising http'
    """
    text = _unescaped(text)
    if not text.isascii():
        text = _STYLED.sub(lambda styled: unicodedata.normalize("NFKC", styled.group()), text)
        text = unicodedata.normalize("NFC", text)
    text = _UNSEEN.sub("", text)
    text = _HANDLE.sub(HANDLE_MASK, _URL.sub(URL_MASK, text))
    return _REPEATED_MASK.sub(URL_MASK, _SPACE.sub(" ", text).strip())


def fingerprint(text: str) -> str:
    """The text without what differs between near-copies: lower case, no URLs, handles, punctuation or `RT`.

    Equal fingerprints are one text to the split, so that a retweet never stands in both training and test.

    >>> fingerprint("RT @jane: $ACME up 5%! https://t.co/x1") == fingerprint("acme UP 5 %")
    True
    """
    bare = _NOT_WORD.sub(" ", _MASKS.sub(" ", clean(text)).lower()).strip()
    return bare.removeprefix("rt ") if bare.startswith("rt ") else bare


def _unescaped(text: str) -> str:
    """HTML entities as characters; twice-escaped feeds are common, so until nothing changes, at most 3 times."""
    for _ in range(3):
        if "&" not in text:
            break
        plain = html.unescape(text)
        if plain == text:
            break
        text = plain
    return text
