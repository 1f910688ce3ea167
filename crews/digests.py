"""Digests of records: a form sends back the one that it was opened with.

If it is another one when the form is saved, somebody else has saved the record meanwhile.
"""

import json
from hashlib import sha256
from typing import Any


def digest(values: Any) -> str:
    """Return the SHA-256 of ``values`` as JSON, 64 hex digits.

    Values that JSON cannot express are converted with ``str``.
    """
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
