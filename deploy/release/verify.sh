#!/bin/sh
# Verifies a release with minisign, sha256sum and jq alone: verify.sh DIR PUBLIC-KEY [COMMIT]
set -eu
key=$(tail -n 1 "$2") commit=${3-}
cd "$1"
fail() { echo "Not verified: $*" >&2; exit 1; }
comment=$(minisign -V -H -Q -m SHA256SUMS -P "$key") || fail "SHA256SUMS.minisig"
sha256sum --check --strict --quiet SHA256SUMS || fail "the files above differ from SHA256SUMS"
listed=$(sed 's/^[0-9a-f]* [ *]//' SHA256SUMS; printf 'SHA256SUMS\nSHA256SUMS.minisig\n')
[ "$(find . ! -type d | sed 's|^\./||' | sort)" = "$(echo "$listed" | sort)" ] || fail "a file was added"
[ -z "$(find . -type l)" ] || fail "a file is a link"
! grep -e '-standin$' SHA256SUMS || fail "these binaries are made around a stand-in for denort"
sums=$(jq -Rn '[inputs | {key: .[66:], value: .[:64]}] | from_entries' SHA256SUMS)
jq -e --argjson sums "$sums" '(.subject | map({key: .name, value: .digest.sha256}) | from_entries)
  == ($sums | del(.["provenance.intoto.json"]))' provenance.intoto.json >/dev/null || fail provenance.intoto.json
made=$(jq -r '.predicate.buildDefinition.resolvedDependencies[0].digest.gitCommit' provenance.intoto.json)
[ "${comment##* } ${commit:-$made}" = "$made $made" ] || fail "provenance.intoto.json: another commit"
for file in trousseau-linux-amd64 trousseau-linux-arm64 clectl-linux-amd64 clectl-linux-arm64; do
  LC_ALL=C grep -aq "source:$made [0-9]*\"" "$file" || fail "$file: made from another commit, or from a changed source"
  inside=$(LC_ALL=C grep -ao '/\* packages: [^*]* \*/' "$file" | tr ' ' '\n' | grep @ | sort)
  in_sbom=$(jq -r --arg ref "file:$file" --argjson sums "$sums" '(.dependencies[] | select(.ref == $ref).dependsOn) as $parts
    | (.components[] | select(.["bom-ref"] == $ref) | select(.hashes[0].content == $sums[.name]) | "whole"),
      (.components[] | select(.type == "library" and IN(.["bom-ref"]; $parts[])) | "\(.name)@\(.version)")' sbom.cdx.json)
  [ "$(printf 'whole\n%s' "$inside" | sort)" = "$(echo "$in_sbom" | sort)" ] || fail "sbom.cdx.json: $file"
done
echo "Verified: $comment"
