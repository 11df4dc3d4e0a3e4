"""The steps of the recovery keys' vectors, for check.py. It needs Python 3.9 and the package `cryptography`.

X-Wing is computed from ML-KEM-768, X25519, SHAKE-256 and SHA3-256, HPKE from HMAC and AES-GCM. ML-KEM needs a release
of `cryptography` that has it: without it each vector is named with the missing module.
"""
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

try:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
except ImportError:
    MLKEM768PrivateKey = None

ALPHABET, GENERATORS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l", (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
LABEL = b"\\.//^\\"  # The label of X-Wing's combiner.
SUITE, INFO, raw = b"HPKE" + bytes.fromhex("647a00010002"), b"trousseau recovery 1", bytes.fromhex


def bech32(prefix, data):
    """Bech32 (BIP 173) without its limit of length."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    words, rest = [int(bits[at:at + 5], 2) for at in range(0, len(bits), 5)], 1
    letters = [ord(letter) for letter in prefix]
    for word in [*(one >> 5 for one in letters), 0, *(one & 31 for one in letters), *words, *[0] * 6]:
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ word
        for at, generator in enumerate(GENERATORS):
            rest ^= generator if top >> at & 1 else 0
    words += [(rest ^ 1) >> 5 * (5 - at) & 31 for at in range(6)]
    return f"{prefix}1" + "".join(ALPHABET[word] for word in words)


def halves(private):
    """The private keys of ML-KEM-768 and X25519, from the seed of X-Wing."""
    if MLKEM768PrivateKey is None:
        raise ValueError("this release of cryptography has no ML-KEM")
    seed = hashlib.shake_256(private).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])


def public_of(private):
    return b"".join(half.public_key().public_bytes_raw() for half in halves(private))


def labeled(suite, salt, label, secret):  # LabeledExtract of RFC 9180, section 4.
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expanded(suite, secret, label, info, size):  # LabeledExpand for at most 32 bytes.
    text = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(secret, text + b"\x01", "sha256")[:size]


def opened(private, encapsulated, sealed):
    """X-Wing's decapsulation, and the key schedule of RFC 9180 in base mode."""
    (lattice, curve), own = halves(private), public_of(private)[1184:]
    theirs = encapsulated[1088:]
    secrets = lattice.decapsulate(encapsulated[:1088]) + curve.exchange(X25519PublicKey.from_public_bytes(theirs))
    shared = hashlib.sha3_256(secrets + theirs + own + LABEL).digest()
    context = b"\x00" + labeled(SUITE, b"", b"psk_id_hash", b"") + labeled(SUITE, b"", b"info_hash", INFO)
    secret = labeled(SUITE, shared, b"secret", b"")
    key, nonce = (expanded(SUITE, secret, label, context, size) for label, size in ((b"key", 32), (b"base_nonce", 12)))
    try:
        return AESGCM(key).decrypt(nonce, sealed, b"")
    except InvalidTag:
        return b""


def key(vector):
    private, public = raw(vector["privateKeyHex"]), raw(vector["publicKeyHex"])
    text = bech32("trousseau-recovery-key-", private).upper()
    groups = [text[:24], *(text[at:at + 5] for at in range(24, len(text), 5))]
    yield "privateKeyText", " ".join(groups), vector["privateKeyText"]
    yield "publicKeyText", bech32("trousseau-recovery", public), vector["publicKeyText"]
    digest = hashlib.sha256(public).hexdigest()
    yield "idHex", digest[:16], vector["idHex"]
    yield "fingerprint", "-".join(digest[at:at + 4] for at in range(0, 32, 4)), vector["fingerprint"]
    yield "publicKeyHex", public_of(private).hex(), vector["publicKeyHex"]


def wrap(vector):
    recipients = vector["recipients"]
    wrapped = b"\x01" + bytes([len(recipients)])
    wrapped += b"".join(raw(one[name]) for one in recipients for name in ("idHex", "encapsulatedHex", "ciphertextHex"))
    yield "wrappedHex", wrapped.hex(), vector["wrappedHex"]
    sizes = [[len(raw(one[name])) for name in ("idHex", "encapsulatedHex", "ciphertextHex")] for one in recipients]
    yield "sizes", sizes, [[8, 1120, len(raw(vector["dekHex"])) + 16]] * len(recipients)
    ids = " ".join(sorted(one["idHex"] for one in recipients))
    yield "version", "recovery-" + hashlib.sha256(ids.encode()).hexdigest()[:32], vector["version"]
    for one in recipients:
        private = raw(one["privateKeyHex"])
        yield "idHex", hashlib.sha256(public_of(private)).hexdigest()[:16], one["idHex"]
        dek = opened(private, raw(one["encapsulatedHex"]), raw(one["ciphertextHex"]))
        yield "dekHex", dek.hex(), vector["dekHex"]


CHECKS = {"keys": key, "wraps": wrap}
