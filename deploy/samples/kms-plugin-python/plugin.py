#!/usr/bin/env python3
"""A KMS v2 plugin to begin with: put calls to your KMS into the class Kms, keep the rest, see README.md."""
import hashlib, os, pathlib, signal, socket, sys
from concurrent import futures

import grpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

here = pathlib.Path(__file__).resolve().parent
sys.path += [str(here), *(str(folder / "proto") for folder in here.parents)]
messages, services = grpc.protos_and_services("kms_v2.proto")


class Refused(Exception):
    """What the caller did wrong, or the KMS refuses, with the gRPC status that says which."""

    def __init__(self, code, why):
        self.code, self.why = code, why


class Kms:
    """Stands in for a KMS: AES-256-GCM keys in files of 32 bytes; the last by name encrypts, all of them decrypt."""

    annotations = {"algorithm.kms-plugin.example": b"A256GCM"}  # bound to the ciphertext, as all that you store must be

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def keys(self):
        """All keys by key_id, which is a hash of the key: the same on all nodes, and never given to another key."""
        files = (path.read_bytes() for path in sorted(self.folder.glob("*.key")))
        return {"sample-" + hashlib.sha256(b"key_id" + key).hexdigest()[:32]: key for key in files}

    def key_id(self):
        """Keep it in memory where the KMS is far away: Status has to answer at once, also while that is down."""
        keys = list(self.keys())
        if not keys:
            raise Refused(grpc.StatusCode.NOT_FOUND, "There is no key.")
        return keys[-1]

    def cipher(self, key_id):
        key = self.keys().get(key_id)
        if key is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, "There is no such key.")
        return AESGCM(key), key_id.encode() + b"\0" + b"".join(self.annotations.values())

    def encrypt(self, plaintext):
        key_id, nonce = self.key_id(), os.urandom(12)
        cipher, bound = self.cipher(key_id)
        return nonce + cipher.encrypt(nonce, plaintext, bound), key_id, self.annotations

    def decrypt(self, ciphertext, key_id, annotations):
        cipher, bound = self.cipher(key_id)
        try:
            if annotations == self.annotations:
                return cipher.decrypt(ciphertext[:12], ciphertext[12:], bound)
        except (InvalidTag, ValueError):
            pass
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "It was changed, or this key did not encrypt it.")


class Plugin(services.KeyManagementServiceServicer):
    def __init__(self, kms):
        self.kms = kms

    def Status(self, request, context):
        return answer(context, lambda: messages.StatusResponse(version="v2", healthz="ok", key_id=self.kms.key_id()))

    def Encrypt(self, request, context):
        if not 1 <= len(request.plaintext) <= 900:  # what is added has to stay within the 1,024 bytes of a ciphertext
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "A plaintext has 1 to 900 bytes.")
        ciphertext, key_id, annotations = answer(context, lambda: self.kms.encrypt(request.plaintext))
        return messages.EncryptResponse(ciphertext=ciphertext, key_id=key_id, annotations=annotations)

    def Decrypt(self, request, context):
        sealed = (request.ciphertext, request.key_id, dict(request.annotations))
        return messages.DecryptResponse(plaintext=answer(context, lambda: self.kms.decrypt(*sealed)))


def answer(context, work):
    try:
        return work()
    except Refused as refused:
        context.abort(refused.code, refused.why)


if __name__ == "__main__":
    path, folder = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as knock:
        if knock.connect_ex(path) == 0:
            sys.exit(f"Somebody serves on {path} already.")
    os.umask(0o117)  # gives the socket mode 0660: whoever may connect to it may decrypt
    server = grpc.server(futures.ThreadPoolExecutor(16))
    services.add_KeyManagementServiceServicer_to_server(Plugin(Kms(folder)), server)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(5))
    server.wait_for_termination()
