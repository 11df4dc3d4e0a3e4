package main

import (
	"encoding/base64"
	"errors"
	"strings"
)

// How a plugin lays out what Vault gave it.
type dialect struct {
	servesV2 bool
	write    func(ciphertext string) string
	read     func(stored string) (string, error)
}

var dialects = map[string]dialect{
	"trousseau-v1":         {servesV2: false, write: asItIs, read: readAsItIs},
	"vault-kubernetes-kms": {servesV2: true, write: asItIs, read: readAsItIs},
	"trousseau-v2":         {servesV2: false, write: asLine, read: readLine},
}

func asItIs(ciphertext string) string { return ciphertext }

func readAsItIs(stored string) (string, error) { return stored, nil }

const lineStart = "vault:-:"

func asLine(ciphertext string) string {
	return lineStart + base64.StdEncoding.EncodeToString([]byte(ciphertext)) + "\n"
}

func readLine(stored string) (string, error) {
	payload, found := strings.CutPrefix(strings.TrimSuffix(stored, "\n"), lineStart)
	if !found {
		return "", errors.New("no line of this provider")
	}
	text, err := base64.StdEncoding.DecodeString(payload)
	return string(text), err
}
