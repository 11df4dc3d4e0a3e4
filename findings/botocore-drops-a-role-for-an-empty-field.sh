#!/usr/bin/env bash
# botocore 1.44.8: an empty web_identity_token_file in a profile switches its role off, without an error.
#
# A profile with role_arn and source_profile assumes the role. With the further line `web_identity_token_file =`, as a
# template leaves it, the same profile has no credentials at all; and if it holds an access key of its own, this key is
# used without the role. A section that is spelt [profiles NAME] counts as [profile NAME], while [ profile NAME ] is no
# profile. Nothing is sent: the provider of the credentials is asked for its name before the first call.
#
# Seen: with-role assume-role; empty-field none; empty-field-and-key config-file AKIDOWN; plural config-file AKIDPLURAL;
# spaces ProfileNotFound.
# Needs: Python 3 with venv.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q 'botocore==1.44.8' >build.log 2>&1 || {
  cat build.log
  exit 1
}

cat >config <<'CONFIG'
[profile base]
aws_access_key_id = AKIDBASE
aws_secret_access_key = made-up

[profile with-role]
role_arn = arn:aws:iam::111122223333:role/kms
source_profile = base

[profile empty-field]
role_arn = arn:aws:iam::111122223333:role/kms
source_profile = base
web_identity_token_file =

[profile empty-field-and-key]
role_arn = arn:aws:iam::111122223333:role/kms
web_identity_token_file =
aws_access_key_id = AKIDOWN
aws_secret_access_key = made-up

[profiles plural]
aws_access_key_id = AKIDPLURAL
aws_secret_access_key = made-up

[ profile spaces ]
aws_access_key_id = AKIDSPACES
aws_secret_access_key = made-up
CONFIG

cat >ask.py <<'PYTHON'
import botocore.exceptions
import botocore.session

for name in ("with-role", "empty-field", "empty-field-and-key", "plural", "spaces"):
    try:
        found = botocore.session.Session(profile=name).get_credentials()
    except botocore.exceptions.ProfileNotFound:
        print(name, "ProfileNotFound")
        continue
    if found is None:
        print(name, "none")
    elif found.method == "assume-role":
        # Its access key would be asked of AWS.
        print(name, found.method)
    else:
        print(name, found.method, found.access_key)
PYTHON

export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE="$folder/config" AWS_SHARED_CREDENTIALS_FILE="$folder/none"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE
seen=$(env/bin/python ask.py)
echo "$seen"
expected='with-role assume-role
empty-field none
empty-field-and-key config-file AKIDOWN
plural config-file AKIDPLURAL
spaces ProfileNotFound'
[ "$seen" = "$expected" ] || {
  echo 'Changed: botocore reads these profiles differently now.'
  exit 1
}
