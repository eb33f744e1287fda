"""What others read in JSON-RPC messages: one of them in base64 a line, all readings of it a line.

python: json.loads, the last of equal names. first: the first of them, as streaming readers have it.
folding: names in any case, the last of them, as Go's encoding/json fills structs.
"""

import base64
import json
import sys

FOLDED = str.maketrans({"\u017f": "s", "\u212a": "k"})


def folded(name):
    return name.translate(FOLDED).lower()


def first(pairs):
    found = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def folding(pairs):
    return {folded(name): value for name, value in pairs}


def one(message):
    if not isinstance(message, dict):
        return [None, None]
    params = message.get("params")
    return [message.get("method"), params.get("name") if isinstance(params, dict) else None]


def calls(body, pairs):
    try:
        value = json.loads(body, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return None
    return [one(message) for message in (value if isinstance(value, list) else [value])]


for line in sys.stdin:
    body = base64.b64decode(line)
    readings = {"python": calls(body, dict), "first": calls(body, first), "folding": calls(body, folding)}
    print(json.dumps(readings), flush=True)
