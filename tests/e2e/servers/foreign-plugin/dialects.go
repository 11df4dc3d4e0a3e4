package main

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// How a plugin lays out what its KMS gave it.
type dialect struct {
	// What it says in Status; empty for a plugin without v2.
	version string
	write   func(ciphertext []byte) []byte
	read    func(stored []byte) ([]byte, error)
}

var dialects = map[string]dialect{
	"trousseau-v1":         {version: "", write: asItIs, read: readAsItIs},
	"vault-kubernetes-kms": {version: "v2", write: asItIs, read: readAsItIs},
	"trousseau-v2":         {version: "", write: asLine, read: readLine},
	// Its first releases wrote over v1beta1 what AWS KMS gave, and the later ones still read it.
	"aws-encryption-provider":            {version: "v2beta1", write: marked, read: readMarked},
	"aws-encryption-provider-unprefixed": {version: "", write: asItIs, read: readAsItIs},
}

func asItIs(ciphertext []byte) []byte { return ciphertext }

func readAsItIs(stored []byte) ([]byte, error) { return stored, nil }

var lineStart = []byte("vault:-:")

func asLine(ciphertext []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(bytes.Clone(lineStart), ciphertext), '\n')
}

func readLine(stored []byte) ([]byte, error) {
	payload, found := bytes.CutPrefix(bytes.TrimSuffix(stored, []byte("\n")), lineStart)
	if !found {
		return nil, errors.New("no line of this provider")
	}
	return base64.StdEncoding.AppendDecode(nil, payload)
}

const storageVersion = '1'

func marked(ciphertext []byte) []byte { return append([]byte{storageVersion}, ciphertext...) }

func readMarked(stored []byte) ([]byte, error) {
	if len(stored) == 0 || stored[0] != storageVersion {
		return nil, errors.New("of another storage version")
	}
	return stored[1:], nil
}
