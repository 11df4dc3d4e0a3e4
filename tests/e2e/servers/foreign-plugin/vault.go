package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// One transit key of a real Vault, by its HTTP API (secret/transit).
type vault struct {
	address, token, key string
}

func (v vault) encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	var answer struct{ Data struct{ Ciphertext string } }
	err := v.ask(ctx, http.MethodPost, "encrypt", map[string][]byte{"plaintext": plain}, &answer)
	return []byte(answer.Data.Ciphertext), err
}

func (v vault) decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	var answer struct{ Data struct{ Plaintext []byte } }
	err := v.ask(ctx, http.MethodPost, "decrypt", map[string]string{"ciphertext": string(ciphertext)}, &answer)
	return answer.Data.Plaintext, err
}

func (v vault) keyID(ctx context.Context) (string, error) {
	var answer struct {
		Data struct {
			LatestVersion int `json:"latest_version"`
		}
	}
	err := v.ask(ctx, http.MethodGet, "keys", nil, &answer)
	return strconv.Itoa(answer.Data.LatestVersion), err
}

func (v vault) ask(ctx context.Context, method, operation string, body any, answer any) error {
	url := fmt.Sprintf("%s/v1/transit/%s/%s", v.address, operation, v.key)
	return ask(ctx, method, url, http.Header{"X-Vault-Token": {v.token}}, body, answer)
}
