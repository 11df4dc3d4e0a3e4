"""The steps of the keyring's vectors, for check.py. It needs Python 3.9 and the package `cryptography`."""
import hashlib
import hmac
import json

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DOMAIN, KINDS = b"trousseau/1 record", {"text": b"\x01", "json": b"\x02", "bytes": b"\x03"}
raw = bytes.fromhex


def sized(value):
    """A value behind its length in four bytes, big-endian; texts as UTF-8."""
    value = value.encode() if isinstance(value, str) else value
    return len(value).to_bytes(4, "big") + value


def key_name(vector):
    parts = [vector[field] for field in ("storeIdHex", "keyIdHex", "use", "epoch", "createdAt")]
    return "/".join(["keyring/1", *map(str, parts)])


def record(vector):
    """HKDF-SHA-256 (RFC 5869), written out, and the seal under its two results."""
    prk = hmac.digest(raw(vector["saltHex"]), raw(vector["storeKeyHex"]), "sha256")
    key = hmac.digest(prk, DOMAIN + b"\x01", "sha256")
    yield "derivedKeyHex", key.hex(), vector["derivedKeyHex"]
    nonce = hmac.digest(prk, key + DOMAIN + b"\x02", "sha256")[:12]
    yield "nonceHex", nonce.hex(), vector["nonceHex"]
    key_id, revision = raw(vector["storeKeyIdHex"]), vector["revision"].to_bytes(8, "big")
    additional = DOMAIN + b"\x01" + raw(vector["storeIdHex"]) + key_id + bytes([vector["tableNumber"]])
    additional += sized(raw(vector["rowKeyHex"])) + revision + sized(raw(vector["contextHex"]))
    yield "additionalDataHex", additional.hex(), vector["additionalDataHex"]
    sealed = AESGCM(key).encrypt(nonce, raw(vector["contentHex"]), additional)
    yield "recordHex", (b"\x01" + key_id + revision + raw(vector["saltHex"]) + sealed).hex(), vector["recordHex"]


def secret_value(vector):
    row, fields = raw(vector["idHex"]) + vector["version"].to_bytes(4, "big"), vector["fields"]
    yield "rowKeyHex", row.hex(), vector["rowKeyHex"]
    context = b"".join(sized(part) for part in [row, *(field["name"] for field in fields)])
    yield "contextHex", context.hex(), vector["contextHex"]
    content = raw(vector["saltHex"]) + len(fields).to_bytes(2, "big")
    content += b"".join(KINDS[field["kind"]] + sized(raw(field["valueHex"])) for field in fields)
    yield "contentHex", content.hex(), vector["contentHex"]
    yield "hash", hashlib.sha256(content).hexdigest(), vector["hash"]


def metadata(vector):
    wanted, sets, versions = {name: vector[name] for name in vector if name not in ("what", "contentHex")}, [], []
    for one in wanted["versions"]:
        fields = [[field["name"], field["kind"]] for field in one["fields"]]
        sets += [] if fields in sets else [fields]
        place, generated = sets.index(fields), int(one["generated"])
        head = [one["version"], one["state"], one["createdAt"], one.get("deletedAt")]
        versions.append([*head, place, generated, one.get("fingerprint"), one["hash"]])
    yield "contentHex", json.loads(raw(vector["contentHex"])), {**wanted, "sets": sets, "versions": versions}


def entry(vector):
    content = bytes([{"folder": 1, "secret": 2}[vector["kind"]]]) + raw(vector["idHex"]) + vector["name"].encode()
    yield "contentHex", content.hex(), vector["contentHex"]


def fields_of(vector):
    return b"".join(sized(raw(field)) for field in vector["fieldsHex"])


def lookup(vector):
    mac = hmac.digest(raw(vector["keyHex"]), bytes([vector["purposeNumber"]]) + fields_of(vector), "sha256")
    yield "macHex", mac.hex(), vector["macHex"]


def fingerprint(vector):
    mac = hmac.digest(raw(vector["keyHex"]), fields_of(vector), "sha256")
    yield "fingerprint", mac.hex()[:16], vector["fingerprint"]


CHECKS = {
    "records": record,
    "values": secret_value,
    "metadata": metadata,
    "entries": entry,
    "lookups": lookup,
    "fingerprints": fingerprint,
}
