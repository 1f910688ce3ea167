"""Decides whether a value after a secret's name is a credential, or a count, call, word or result.

Names alone are not enough: `token`, `auth` and `pass` are common words in code, logs and commit
subjects, and token counts are the main figures of a crew. A value stays readable only if its shape,
together with its name, is one that credentials do not have. If in doubt, it is a secret.
"""

import base64
import re

LOOK_BACK = 60  # characters of the same line before a name
LOOK_AHEAD = 40  # characters after a value

# Values that occur in code and configuration, under any name.
LITERAL = re.compile(
    r"(?i)(?:true|false|none|null|nil|undefined|yes|no|str|string|int|integer|float|number|bytes|bool"
    r"|boolean|object|any|optional|secretstr|await|new|lambda|async|yield|\*+|\d{1,4}(?:\.\d+)?%?)[.;:!]?"
)
VARIABLE = re.compile(r"\$[A-Z_][A-Z0-9_]{2,}")  # $DB_PASSWORD, as in a shell script
REFERENCE = re.compile(
    r"(?:self|cls|this|args|settings|config|request|response|os|env|environ|process|options|opts"
    r"|ctx|context|kwargs|params)(?:\.[A-Za-z_]{1,40}\d{0,3}){1,6}[.;:]?"
)
# token=token, credential: Credential, token_class = RefreshToken
SECRET_NAME = re.compile(
    r"[a-z_]{0,30}(?:token|credential|auth)s?|[A-Z][A-Za-z]{0,30}(?:Token|Secret|Password|Credential)s?"
    r"|Token|Secret|Credential"
)
CALLED = re.compile(r"(?:[A-Za-z_]{1,40}\d{0,3}\.){0,6}[A-Za-z_]{1,40}\d{0,3}")  # before ( or [

CALLS = re.compile(r"get|make|create|next|input|str|bytes|len|read|load|new|gen|env|open|repr|hash")

# 15321, 15_321, ~128k, 1.2M, 1e6, 45%, 53.2/s, 1523/4096
NUMBER = re.compile(r"[~≈+-]?\d[\d._]{0,14}(?:e[+-]?\d{1,2}|[kKMGB])?(?:/\d{1,12}|/?m?s|%)?[.;:]?")
MAX_DIGITS = 12
_UNITS = (
    "counts?|limit|len|length|size|usage|used|total|max|min|budget|num|left|remaining|rate|ratio"
    "|ttl|expiry|expires|expires_in|expires_at|timeout|time|ms|age|days|hours|minutes|seconds|secs"
    "|latency|duration|percent|percentage|cost|price|version|index|idx|pos|position|offset"
)
COUNTED = re.compile(
    r"(?:[\w-]*(?:tokens|secrets|credentials)"
    r"|(?:num|n|max|min|total|count)[_-][\w-]*"
    rf"|[\w-]*[_-](?:{_UNITS})"
    rf"|(?:[\w-]*[_-])?(?:tokens?|pass|auth)[_-][\w-]*?(?:{_UNITS})"
    r"|[\w-]*token_?ids?)"
)
# Tokens of a tokenizer, not of an account.
SPECIAL_TOKEN = re.compile(r"(?:[\w-]*[_-])?(?:eos|bos|pad|unk|mask|sep|cls)[_-]tokens?")
# password_file=/run/secrets/db, "token_type": "bearer"
DESCRIBES = re.compile(r"[\w-]*[_-](?:file|path|dir|type|name)")
DESCRIPTION = re.compile(r"[A-Za-z./~][A-Za-z./~_-]*")

WORD = re.compile(r"[A-Za-z][a-z]{0,19}(?:[-'][a-z]{1,15})?[.!?;:…]{0,3}")
NEXT_WORD = re.compile(r"[ \t][A-Za-z]?[a-z]+(?![\w=:/@-])")
# Words that messages use about secrets without showing them.
MESSAGE_WORDS = re.compile(
    r"(?i)(?:pass|passed|fail|failed|error|skip|skipped|xfail|xpass|ok|done|this|the|a|an|your|must"
    r"|may|should|is|are|was|were|not|too|at|for|from|in|of|on|to|with|required|missing|invalid"
    r"|incorrect|empty|wrong|expired|rejected|accepted|revoked|changed|unset|set|unknown|cannot"
    r"|can|does|did|has|have|will|please|enter|use|add|fix|remove|rename|update|refresh|rotate"
    r"|reject|check|test|tests|hidden|redacted)[.!?;:…]{0,3}"
)
LEXERS = re.compile(r"(?i)(?:unexpected|invalid|expected|next|unknown|illegal|last)[ \t]+$")
RESULT = re.compile(r"[\w./:,+-]+")  # the test that passed
WORD_PATH = re.compile(r"[A-Za-z_./-]+")
TAG = re.compile(r"[a-z]{1,20}|v?\d{1,4}(?:\.\d{1,4}){0,3}(?:-[a-z]{1,10})?")  # acme/auth:1.2.0


def is_plain(name: str, operator: str, value: str, before: str = "", after: str = "") -> bool:
    """Whether `value`, which follows `name` and `operator` ("=", ": "), is not a credential.

    `before` and `after` are parts of the text on both sides; `name` may have begun in `before`.
    """
    whole = whole_name(before, name)
    lowered = whole.lower()
    if any(shape.fullmatch(value) for shape in (LITERAL, VARIABLE, REFERENCE, SECRET_NAME)):
        return True
    if value == "Traceback" and after.startswith(" (most recent"):
        return True  # after a prompt that got no answer
    if (value == "$" and after[:1] in ("{", "(")) or is_plain_string(whole, value):
        return True
    if after[:1] in ("(", "[") and _is_called(operator, value):
        return True
    if ":" not in operator:
        return False
    if lowered == "pass":
        return bool((RESULT if whole == "PASS" else WORD_PATH).fullmatch(value))
    if lowered == "auth" and TAG.fullmatch(value):
        return True
    return _is_prose(whole, operator, value, before[: len(before) + len(name) - len(whole)], after)


def is_plain_string(name: str, value: object) -> bool:
    """Whether the name shows that the value is no secret: a count, a path, a tokenizer's token."""
    lowered, text = name.lower(), str(value)
    if isinstance(value, bool) or SPECIAL_TOKEN.fullmatch(lowered) or VARIABLE.fullmatch(text):
        return True
    if DESCRIBES.fullmatch(lowered) and DESCRIPTION.fullmatch(text):
        return True
    digits = sum(character.isdigit() for character in text)
    return bool(digits <= MAX_DIGITS and NUMBER.fullmatch(text) and COUNTED.fullmatch(lowered))


def whole_name(before: str, name: str) -> str:
    """Return `name` with the part of it in the text before: max_tokens, not tokens."""
    begun = re.search(r"[\w-]*$", before[-LOOK_BACK:])
    return (begun[0] if begun else "") + name


def _is_called(operator: str, value: str) -> bool:
    """Matches token = lexer.next_token() and password=get_password(), not password=abc(9)."""
    if not CALLED.fullmatch(value):
        return False
    return operator != "=" or "_" in value or "." in value or bool(CALLS.match(value))


def _is_prose(name: str, operator: str, value: str, before: str, after: str) -> bool:
    """Matches `auth: fix login`, `password: This field is required.`, `Unexpected token: punc`."""
    if not operator.endswith((" ", "\t")):
        return False
    if MESSAGE_WORDS.fullmatch(value):
        return True
    if not WORD.fullmatch(value):
        return False
    lowered = name.lower()
    if lowered == "auth":
        return True
    if lowered in ("token", "tokens"):
        return bool(NEXT_WORD.match(after) or LEXERS.search(before))
    return False


def is_header_prose(name: str, value: str) -> bool:
    """Whether `authorization: fix roles` or `cookie: add a flag` is a sentence and not a header."""
    if "cookie" in name.lower():
        return "=" not in value and " " in value.strip()
    words = value.split()
    schemes = ("basic", "bearer", "digest", "token", "negotiate", "ntlm", "hawk", "key", "apikey")
    if len(words) < 2 or words[0].lower() in schemes or not all(map(WORD.fullmatch, words)):
        return False
    return len(words) > 2 or bool(MESSAGE_WORDS.fullmatch(words[0]))


def is_basic(value: str) -> bool:
    """Whether `value` can follow `Basic`: the base64 of user name, colon and password."""
    text = value.rstrip("=").rstrip(".").translate(str.maketrans("-_", "+/"))
    try:
        decoded = base64.b64decode(text[: len(text) // 4 * 4])
    except ValueError:  # binascii.Error is one
        return False
    return b":" in decoded and all(byte >= 0x20 for byte in decoded)


def is_bearer(value: str) -> bool:
    """Whether `value` can follow `Bearer`: anything but a word ("bearer authentication")."""
    return not re.fullmatch(r"[A-Za-z][a-z]{0,19}[.:!?]?", value)
