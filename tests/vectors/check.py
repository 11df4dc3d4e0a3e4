#!/usr/bin/env python3
"""Checks the test vectors without the code of Trousseau.

Usage: check.py [FOLDER]. It needs Python 3.9 and the package `cryptography`. Every step of README.md is computed anew
from the steps before it and compared with the vector. The last line is "N vectors, N differ"; the exit status is 1 if
any differ. A difference is named by its file, the place of the vector in it, and the step.
"""
import base64
import datetime
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.dont_write_bytecode = True
import check_keyring, check_recovery  # noqa: E401, E402

VALUE_DOMAIN, WRAPS_DOMAIN, LOCAL_DOMAIN = b"trousseau/1", b"trousseau/1 wraps", b"trousseau-local-wrap-1"
FRAMES = {"v1beta1": b"\xf1", "sops": b"\xf5", "keyring": b"\xf6"}
TAGS, raw = {"sops": b"trousseau-sop-1", "keyring": b"trousseau-krg-1"}, bytes.fromhex


def sized(width, value):
    """A value behind its length, big-endian; texts as UTF-8."""
    value = value.encode() if isinstance(value, str) else value
    return len(value).to_bytes(width, "big") + value


def by_name(member):  # The order of UTF-16 code units.
    return member["name"].encode("utf-16-be")


def key_id(epoch, members):
    members = [sized(4, one[field]) for one in sorted(members, key=by_name) for field in ("name", "kind", "version")]
    return "t1-" + hashlib.sha256(sized(4, str(epoch)) + b"".join(members)).hexdigest()[:32]


def plugin_version(text):
    plain = 1 <= len(text) <= 256 and all("!" <= letter <= "~" for letter in text) and not text.startswith("sha256:")
    return text if plain else "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def local(identity, key, nonce, dek):
    """The additional data of a local key's wrap, and the wrap. AES-GCM of equal input is equal, so it also opens."""
    binding = sized(4, LOCAL_DOMAIN) + sized(4, identity)
    return binding.hex(), (raw(nonce) + AESGCM(raw(key)).encrypt(raw(nonce), dek, binding)).hex()


def value(vector):
    """The steps of a value of the KMS API or of the SOPS key service, and of a store key of the keyring."""
    api, bound_to = vector["api"], vector["keyName" if vector["api"] in TAGS else "keyId"]
    dek, wraps, threshold = raw(vector["dekHex"]), vector["wraps"], bytes([vector["threshold"]])
    tagged = TAGS.get(api, b"trousseau-dek-1") + dek
    yield "taggedDekHex", tagged.hex(), vector["taggedDekHex"]
    for wrap in wraps:
        wrapped = local(wrap["version"], wrap["localKeyHex"], wrap["nonceHex"], tagged)[1]
        yield f"ciphertextHex of {wrap['name']}", wrapped, wrap["ciphertextHex"]
    canonical = WRAPS_DOMAIN + len(wraps).to_bytes(4, "big")
    for one in sorted(wraps, key=by_name):
        canonical += sized(4, one["name"]) + sized(4, one["version"]) + sized(4, raw(one["ciphertextHex"]))
    yield "canonicalWrapsHex", canonical.hex(), vector["canonicalWrapsHex"]
    reference = hashlib.sha256(canonical).digest()
    yield "referenceHex", reference.hex(), vector["referenceHex"]
    additional = VALUE_DOMAIN + sized(4, api) + threshold + sized(4, bound_to) + reference
    yield "additionalDataHex", additional.hex(), vector["additionalDataHex"]
    nonce = raw(vector["nonceHex"])
    sealed = AESGCM(dek).encrypt(nonce, raw(vector["plaintextHex"]), additional)
    yield "sealedHex", sealed.hex(), vector["sealedHex"]
    envelope = b"\xe1" + threshold + reference + nonce + sealed
    yield "envelopeHex", envelope.hex(), vector["envelopeHex"]
    if api == "v2":
        values = [(b"\x01" + sized(2, wrap["version"]) + raw(wrap["ciphertextHex"])).hex() for wrap in wraps]
        names = [f"{wrap['name']}.wrap.trousseau.io" for wrap in wraps]
        yield "annotationsHex", dict(zip(names, values)), vector["annotationsHex"]
    else:
        frame = FRAMES[api] + sized(2, bound_to) + bytes([len(wraps)])
        for one in wraps:
            frame += sized(1, one["name"]) + sized(2, one["version"]) + sized(2, raw(one["ciphertextHex"]))
        yield "frameHex", (frame + envelope).hex(), vector["frameHex"]
    if api == "sops":
        yield "armour", "trousseau:1:" + base64.b64encode(raw(vector["frameHex"])).decode(), vector["armour"]
        yield "keyUri", f"trousseau://keyring/v1/sops/keys/{bound_to}", vector["keyUri"]
    elif api == "keyring":
        yield "keyName", check_keyring.key_name(vector), bound_to
    else:
        yield "keyId", key_id(vector["keyEpoch"], wraps), vector["keyId"]


def local_wrap(vector):
    binding, wrapped = local(vector["keyId"], vector["keyHex"], vector["nonceHex"], raw(vector["dekHex"]))
    return [("additionalDataHex", binding, vector["additionalDataHex"]), ("wrappedHex", wrapped, vector["wrappedHex"])]


def plugin_wrap(vector):
    annotations = sorted(vector["annotationsHex"].items(), key=lambda one: one[0].encode("utf-16-be"))
    body = b"\x01" + sized(2, vector["keyId"]) + sized(2, raw(vector["ciphertextHex"])) + bytes([len(annotations)])
    body += b"".join(sized(1, name) + sized(2, raw(content)) for name, content in annotations)
    yield "wrappedHex", (body + hashlib.sha256(body).digest()[:16]).hex(), vector["wrappedHex"]
    yield "version", plugin_version(vector["keyId"]), vector["version"]


def key_ring(vector):
    document = {"format": 1, **{name: vector[name] for name in vector if name not in ("what", "bytesHex")}}
    yield "bytesHex", json.loads(raw(vector["bytesHex"])), document
    for entry in vector["history"]:
        yield f"history: {entry['id']}", key_id(entry["keyEpoch"], entry["members"]), entry["id"]


def local_keys(vector):
    keys = []
    for key in vector["keys"]:
        at = datetime.datetime.fromtimestamp(key["createdAt"] / 1000, datetime.timezone.utc)
        moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        keys.append({"id": key["id"], "createdAt": moment, "key": base64.b64encode(raw(key["keyHex"])).decode()})
    yield "bytesHex", raw(vector["bytesHex"]).decode(), json.dumps({"format": 1, "keys": keys}, indent=2) + "\n"


def foreign(vector):
    stored, wraps = base64.b64decode(vector["ciphertext"]), vector["wraps"]
    if vector["format"] == "trousseau-v2":
        # Both alphabets of base64 are in use (RFC 4648, sections 4 and 5), with padding and without.
        lines = [line.split(":-:") for line in stored.decode().splitlines()]
        plain = [(name, text.translate({45: "+", 95: "/"}) + "=" * (-len(text) % 4)) for name, text in lines]
        yield "ciphertext", plain, [(wrap["written"], wrap["ciphertext"]) for wrap in wraps]
    else:
        lead = b"1" if vector["format"] == "aws-encryption-provider" else b""
        yield "ciphertext", stored, lead + base64.b64decode(wraps[0]["ciphertext"])
    for wrap in wraps:
        _, *version = base64.b64decode(wrap["ciphertext"]).split(b":")[:2] if wrap["version"] != "-" else [0, b"v-"]
        yield f"version of the wrap {wrap['written'] or 1}", version, [b"v" + wrap["version"].encode()]


def aws_name(one):
    suffixes = [mark + str(one[field]) for mark, field in (("#", "material"), ("@", "createdAt")) if field in one]
    return "".join([one["lineage"], *suffixes])


def azure_frame(one):
    frame = raw(one["randomHex"]) + sized(1, raw(one["dekHex"]))
    return (frame + bytes(-len(frame) % 8)).hex() if one["algorithm"] == "A256KW" else one["dekHex"]


def gcp_binding(one):
    return "\n".join(part for part in (one["version"], one["context"]) if part).encode().hex()


def step(name, compute):  # The check of a vector with one step.
    return lambda vector: [(name, compute(vector), vector[name])]


CHECKS = {
    **{name: {"": value} for name in ("envelope_v2.json", "envelope_v1beta1.json", "sops.json")},
    "foreign.json": {"": foreign},
    "keyring.json": {"storeKeys": value, **check_keyring.CHECKS},
    "recovery.json": check_recovery.CHECKS,
    "files.json": {"keyRing": key_ring, "localKeys": local_keys},
    "wraps.json": {
        "local": local_wrap,
        "kmsPlugin": plugin_wrap,
        "azureKeyVault": step("toWrapHex", azure_frame),
        "gcpKms": step("additionalAuthenticatedDataHex", gcp_binding),
        "vaultTransit": step("wrappedHex", lambda one: one["transitCiphertext"].encode().hex()),
    },
    "names.json": {
        "keyIds": step("keyId", lambda one: key_id(one["keyEpoch"], one["members"])),
        "awsKms": step("version", aws_name),
        "kmsPlugin": step("version", lambda one: plugin_version(one["keyId"])),
        "gcpKms": step("version", lambda one: f"{one['key']}/cryptoKeyVersions/{one['number']}"),
        "azureKeyVault": step("algorithm", lambda one: "RSA-OAEP-256" if one["kty"].startswith("RSA") else "A256KW"),
    },
}


def differing(check, vector):
    try:  # A vector that cannot be read differs as a whole.
        return [name for name, computed, written in check(vector) if computed != written]
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        return [f"a field that cannot be read ({type(error).__name__}: {error})"]


def main(folder):
    count, failures = 0, [f"{path.name}: has no check" for path in folder.glob("*.json") if path.name not in CHECKS]
    for name, parts in CHECKS.items():
        document = json.loads((folder / name).read_text("utf-8")) if (folder / name).exists() else {}
        document = {"": document} if isinstance(document, list) else document
        failures += [f"{name}: {part}: the vectors or their check are missing" for part in set(document) ^ set(parts)]
        for part, vectors in document.items():
            for index, vector in enumerate(vectors if part in parts else []):
                count += 1
                failures += [f"{name}: {part}[{index}]: {one} differs" for one in differing(parts[part], vector)]
    print("".join(f"{failure}\n" for failure in failures), end="")
    print(f"{count} vectors, {len({failure.rpartition(': ')[0] for failure in failures})} differ")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)))
