#!/usr/bin/env bash
# k8s.io/apiserver 0.36.3: the validation of an EncryptionConfiguration judges the form of a resource's name and not
# whether there is such a resource. A misspelt name, a resource without its API group, and a resource with an API version
# behind it are accepted. kube-apiserver then starts, and objects of the resource that was meant are stored in plain text.
# The same resource twice is an error in one list, and no error in two lists, where the second one is never used.
#
# Seen: 0 errors for ["secretz"], ["deployments"], ["secrets.v1"], and for ["secrets"] in two lists; 1 error for
# ["secrets","secrets"].
# Needs: Go.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >go.mod <<'MODULE'
module example.test/finding

go 1.26

require k8s.io/apiserver v0.36.3
MODULE

cat >main.go <<'PROGRAM'
package main

import (
	"encoding/base64"
	"fmt"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
)

func main() {
	key := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	for _, lists := range [][][]string{
		{{"secretz"}},
		{{"deployments"}},
		{{"secrets.v1"}},
		{{"secrets"}, {"secrets"}},
		{{"secrets", "secrets"}},
	} {
		config := &apiserver.EncryptionConfiguration{}
		for _, list := range lists {
			config.Resources = append(config.Resources, apiserver.ResourceConfiguration{
				Resources: list,
				Providers: []apiserver.ProviderConfiguration{{
					AESGCM: &apiserver.AESConfiguration{Keys: []apiserver.Key{{Name: "example", Secret: key}}},
				}},
			})
		}
		fmt.Println(lists, len(validation.ValidateEncryptionConfiguration(config, false)))
	}
}
PROGRAM

GOFLAGS=-mod=mod go run . 2>build.log >seen || { cat build.log; exit 1; }
cat >expected <<'SEEN'
[[secretz]] 0
[[deployments]] 0
[[secrets.v1]] 0
[[secrets] [secrets]] 0
[[secrets secrets]] 1
SEEN
cat seen
diff expected seen
