#!/usr/bin/env bash
# moto 5.2.5: its AWS KMS checks the state of a key neither in Encrypt nor in Decrypt. AWS documents
# DisabledException for a disabled key and KMSInvalidStateException for one that waits for its deletion. A test of
# revocation against moto passes or fails for the wrong reason.
#
# Seen: Encrypt, Decrypt and ReEncrypt answer with a disabled key and with one that is pending deletion.
# Needs: Python 3 with venv.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q 'moto[kms]==5.2.5' 'boto3==1.44.8' >build.log 2>&1 || {
  cat build.log
  exit 1
}

cat >probe.py <<'PROGRAM'
import boto3
from moto import mock_aws


def outcome(call):
    try:
        call()
        return "answers"
    except Exception as error:
        return type(error).__name__


with mock_aws():
    kms = boto3.client(
        "kms", region_name="eu-central-1", aws_access_key_id="example", aws_secret_access_key="example"
    )
    for state in ("Disabled", "PendingDeletion"):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"example")["CiphertextBlob"]
        if state == "Disabled":
            kms.disable_key(KeyId=key)
        else:
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        seen = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        print(
            seen,
            "encrypt", outcome(lambda: kms.encrypt(KeyId=key, Plaintext=b"example")),
            "decrypt", outcome(lambda: kms.decrypt(KeyId=key, CiphertextBlob=blob)),
            "re-encrypt", outcome(lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)),
        )
PROGRAM

env/bin/python probe.py >seen
cat >expected <<'SEEN'
Disabled encrypt answers decrypt answers re-encrypt answers
PendingDeletion encrypt answers decrypt answers re-encrypt answers
SEEN
cat seen
diff expected seen
