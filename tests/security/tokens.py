"""Tokens that must not hold, each a small change away from one that does."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken, Token

from crewops.api.tokens import RefreshToken

HOUR = 3600
HEADER = {"alg": "HS256", "typ": "JWT"}
DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
LEFT_OUT: Any = object()  # as a claim: without it


def coded(part: Any) -> str:
    """base64url of bytes, of a text, or of a value's JSON."""
    raw = part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else None
    return base64.urlsafe_b64encode(raw or json.dumps(part).encode()).rstrip(b"=").decode()


def signed(header: Any, payload: Any, *, key: str | None = None, digest: str = "HS256") -> str:
    """A token with exactly these parts, signed with our key or with another."""
    content = f"{coded(header)}.{coded(payload)}"
    secret = settings.SECRET_KEY if key is None else key
    mac = hmac.new(secret.encode(), content.encode(), DIGESTS[digest])
    return f"{content}.{coded(mac.digest())}"


def good(user: User, kind: type[Token] = AccessToken, **claims: Any) -> str:
    """A token of our own making that holds, but for ``claims``."""
    payload = kind.for_user(user).payload | claims
    return signed(HEADER, {k: v for k, v in payload.items() if v is not LEFT_OUT})


def bad(
    user: User, *, deactivated: User, gone: int, kind: type[Token] = AccessToken
) -> dict[str, str]:
    """``{what is wrong: token}``. ``gone`` is the id of a user that there is not."""
    claims = kind.for_user(user).payload
    other = RefreshToken if kind is AccessToken else AccessToken
    whole = good(user, kind)
    head, payload, signature = whole.split(".")
    now = int(time.time())
    corpus = {
        "blank": "x",
        "dots": "..",
        "two parts": f"{head}.{payload}",
        "four parts": f"{whole}.{signature}",
        "no base64": "%%%.%%%.%%%",
        "no JSON": f"{coded('{')}.{payload}.{signature}",
        "deep JSON": f"{coded('[' * 2000)}.{payload}.{signature}",
        "deep claims": signed(HEADER, "[" * 2500 + "]" * 2500),
        "header is a list": signed([], claims),
        "header is a number": signed("1", claims),
        "header with a long number": signed('{"alg":' + "9" * 5000 + "}", claims),
        "claims are a list": signed(HEADER, "[]"),
        "claims are bytes": signed(HEADER, b"\xff\xfe"),
        "header is not UTF-8": signed(b"\xff\xfe", claims),
        "beyond ASCII": whole[:-1] + "\xe9",
        "with a break": f"{head}.{payload}\x0b.{signature}",
        "garbage of 7 KB": "A" * 7000,
        "signature cut off": f"{head}.{payload}.",
        "signature reversed": f"{head}.{payload}.{signature[::-1]}",
        "signature of other claims": f"{head}.{coded(claims | {'user_id': '1'})}.{signature}",
        "of the other kind": str(other.for_user(user)),
        "of a deactivated user": good(deactivated, kind),
    }
    for alg in ("none", "None", "nOnE", "NONE", "", None, [], {}, 1, "HS256 ", "hs256", "HS1"):
        corpus[f"alg {alg!r} without a signature"] = f"{coded(HEADER | {'alg': alg})}.{payload}."
        corpus[f"alg {alg!r} with ours"] = signed(HEADER | {"alg": alg}, claims)
    for alg in ("RS256", "ES256", "PS256", "EdDSA"):
        corpus[f"alg {alg} signed as HS256"] = signed(HEADER | {"alg": alg}, claims)
    for alg in ("HS384", "HS512"):
        corpus[f"alg {alg}"] = signed(HEADER | {"alg": alg}, claims, digest=alg)
    corpus["no alg"] = signed({"typ": "JWT"}, claims)
    other_digits = "".join(chr(ord("\u0660") + int(digit)) for digit in str(user.pk))
    own = {"kty": "oct", "k": coded("mine")}
    for name, value in {
        "kid": "../../../../dev/null", "kid ": ["x"], "jku": "http://127.0.0.1:9/keys", "jwk": own,
        "x5u": "http://127.0.0.1:9/cert", "x5c": ["MIIB"],
    }.items():  # fmt: skip
        corpus[f"{name} with another key"] = signed(HEADER | {name: value}, claims, key="mine")
    corpus["kid and an empty key"] = signed(HEADER | {"kid": "/dev/null"}, claims, key="")
    for crit in (["exp"], ["unknown"], [], "exp", [1]):
        corpus[f"crit {crit!r}"] = signed(HEADER | {"crit": crit}, claims)
    for key in ("", "secret", settings.SECRET_KEY[:-1], settings.SECRET_KEY + " "):
        corpus[f"key {key[:6]!r} {len(key)}"] = signed(HEADER, claims, key=key)
    for name, values in {
        "exp": (now - 1, now - HOUR, 0, -1, None, "never", [], True, LEFT_OUT, float("-inf"),
                float("inf"), float("nan"), 10**400),
        "nbf": (now + HOUR, "x", [], float("inf")),
        "iat": (now + HOUR, "x", [], float("inf")),
        "token_type": (other.token_type, kind.token_type.title(), "", None, [], LEFT_OUT),
        "user_id": (gone, str(gone), "x", "", "1 OR 1=1", "\x00", "\ud800", 1.5, -1, 10**30, None,
                    True, [user.pk], {"pk": user.pk}, [], LEFT_OUT, f" {user.pk}", f"{user.pk}.0",
                    other_digits, str(10**30)),
        "jti": (LEFT_OUT,),
        settings.SIMPLE_JWT.get("REVOKE_TOKEN_CLAIM", "hash_password"): ("x", "", None, LEFT_OUT),
    }.items():  # fmt: skip
        for value in values:
            shown = "left out" if value is LEFT_OUT else f"{value!r:.20}"
            corpus[f"{name} {shown}"] = good(user, kind, **{name: value})
    return corpus
