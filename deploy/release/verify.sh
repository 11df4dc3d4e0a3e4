#!/bin/sh
# Verifies a release with minisign, jq and coreutils alone: verify.sh DIR PUBLIC-KEY [COMMIT]
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
jq -e --argjson sums "$sums" '._type == "https://in-toto.io/Statement/v1"
  and .predicateType == "https://slsa.dev/provenance/v1"
  and .predicate.buildDefinition.buildType == "urn:trousseau:release:v1"
  and (.predicate.buildDefinition.externalParameters.commit | test("^[0-9a-f]{40}([0-9a-f]{24})?$"))
  and (.subject | length) == (.subject | map(.name) | unique | length)
  and (.subject | map({key: .name, value: .digest.sha256}) | from_entries)
    == ($sums | del(.["provenance.intoto.json"]))' provenance.intoto.json >/dev/null || fail provenance.intoto.json
made=$(jq -r .predicate.buildDefinition.externalParameters.commit provenance.intoto.json)
version=$(jq -r .predicate.buildDefinition.externalParameters.version provenance.intoto.json)
sources=$(jq -r '[.predicate.buildDefinition.resolvedDependencies[].digest.gitCommit | values] | unique | join(" ")' \
  provenance.intoto.json)
[ "$sources ${commit:-$made}" = "$made $made" ] || fail "provenance.intoto.json: another commit"
[ "$comment" = "trousseau $version $made" ] || fail "SHA256SUMS.minisig: another version or commit"
jq -e --arg version "$version" '.bomFormat == "CycloneDX" and .specVersion == "1.6"
  and .metadata.component.version == $version' sbom.cdx.json >/dev/null || fail "sbom.cdx.json: another version or format"
# The parts of one binary, whose hash is that of the list.
parts='def sha256: first(.hashes[] | select(.alg == "SHA-256")).content;
  def property($name): first(.properties[] | select(.name == $name)).value;
  def parts: first(.components[] | select(.type == "application" and .name == $file)) as $binary
    | select($binary | sha256 == $sums[$file])
    | [.dependencies[] | select(.ref == $binary["bom-ref"]) | .dependsOn[]?] as $refs
    | .components[] | select(.["bom-ref"] as $ref | any($refs[]; . == $ref));'
bom() { jq -r --arg file "$file" --argjson sums "$sums" "$parts $1" sbom.cdx.json; }
for file in trousseau-linux-amd64 trousseau-linux-arm64 clectl-linux-amd64 clectl-linux-arm64; do
  runtime=$(bom 'first(parts | select(.type == "platform")) | select(.name == "denort")
    | "\(property("trousseau:runtime:elf-header")) \(property("trousseau:runtime:bytes")) \(sha256)"
    | select(test("^[A-Za-z0-9+/]{86}== [1-9][0-9]{2,10} [0-9a-f]{64}$"))')
  [ -n "$runtime" ] || fail "sbom.cdx.json: $file"
  header=${runtime%% *} sha256=${runtime##* } size=${runtime#* } size=${size%% *}
  case $file in *-amd64) machine=3e00 ;; *) machine=b700 ;; esac
  [ "$(od -An -v -tx1 -N20 "$file" | tr -d ' \n' | cut -c1-12,37-40)" = "7f454c460201$machine" ] ||
    fail "$file: for another machine"
  inside=$( { echo "$header" | base64 -d; tail -c +65 "$file" | head -c $((size - 64)); } | sha256sum)
  [ "$inside" = "$sha256  -" ] || fail "$file: another runtime inside"
  mark=$(tail -c +$((size + 1)) "$file" | LC_ALL=C grep -aoE 'source:[0-9a-f]{40,64} [0-9]+( modified)?' | head -n 1)
  [ "${mark% *}" = "source:$made" ] || fail "$file: made from another commit, or from a changed source"
  inside=$(tail -c +$((size + 1)) "$file" | LC_ALL=C grep -ao '/\* packages: [^*]* \*/' | tr ' ' '\n' | grep @ | sort)
  in_sbom=$(bom 'parts | select(.type == "library" and .scope != "excluded") | "\(.name)@\(.version)"' | sort)
  [ "$inside" = "$in_sbom" ] || fail "sbom.cdx.json: $file"
done
echo "Verified: $comment"
