#!/usr/bin/env bash
# sigs.k8s.io/yaml 1.6.0 reads U+0085 (next line) inside a text of JSON as a space, as if the text were folded over two
# lines. JSON allows the character as it is, Go's encoding/json writes it so, and so does kubectl. kube-apiserver reads
# the body of a server-side apply with this package: a text of a ConfigMap is stored with a space in its place, without
# an error, and the same object by `kubectl create` keeps it. U+2028, which encoding/json escapes, is read as it is.
#
# Seen: "a\u0085b" becomes "a b"; "a\u2028b" stays.
# Needs: Go.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >go.mod <<'MODULE'
module example.test/finding

go 1.26

require sigs.k8s.io/yaml v1.6.0
MODULE

cat >main.go <<'PROGRAM'
package main

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, text := range []string{"a\u0085b", "a\u2028b"} {
		body, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			panic(err)
		}
		var byJSON, byYAML map[string]string
		if err := json.Unmarshal(body, &byJSON); err != nil {
			panic(err)
		}
		if err := yaml.Unmarshal(body, &byYAML); err != nil {
			panic(err)
		}
		fmt.Printf("%+q: encoding/json reads %+q, sigs.k8s.io/yaml reads %+q\n", text, byJSON["text"], byYAML["text"])
	}
}
PROGRAM

go mod tidy >/dev/null 2>&1
go run . | tee output
diff output - <<'SEEN'
"a\u0085b": encoding/json reads "a\u0085b", sigs.k8s.io/yaml reads "a b"
"a\u2028b": encoding/json reads "a\u2028b", sigs.k8s.io/yaml reads "a\u2028b"
SEEN
