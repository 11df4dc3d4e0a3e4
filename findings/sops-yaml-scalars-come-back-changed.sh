#!/usr/bin/env bash
# SOPS 3.13.3: a YAML file whose scalars are not quoted does not come back as it was. `sops encrypt` resolves each scalar to
# a typed value and `sops decrypt` prints that value in its own form: an identifier with leading zeros, a version number
# and a long serial number are other texts afterwards. The same values in quotes come back unchanged.
#
# Seen: 007 -> 7, 1.50 -> 1.5, 2026-01-02 -> 2026-01-02T00:00:00Z, 12345678901234567890123 -> 1.2345678901234568e+22.
# Needs: Go.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"

GOBIN=$folder/bin go install github.com/getsops/sops/v3/cmd/sops@v3.13.3 2>build.log || { cat build.log; exit 1; }
GOBIN=$folder/bin go install filippo.io/age/cmd/age-keygen@v1.3.1 2>build.log || { cat build.log; exit 1; }

bin/age-keygen -o key 2>/dev/null
recipient=$(bin/age-keygen -y key)
cat >plain.yaml <<'YAML'
agent: 007
release: 1.50
day: 2026-01-02
serial: 12345678901234567890123
quoted: "007"
YAML

bin/sops encrypt --age "$recipient" plain.yaml >sealed.yaml
SOPS_AGE_KEY_FILE=key bin/sops decrypt sealed.yaml >seen
cat >expected <<'SEEN'
agent: 7
release: 1.5
day: 2026-01-02T00:00:00Z
serial: 1.2345678901234568e+22
quoted: "007"
SEEN
cat seen
diff expected seen
