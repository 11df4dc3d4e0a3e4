package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// One transit key of a real Vault, by its HTTP API (secret/transit).
type vault struct {
	address, token, key string
}

func (v vault) encrypt(ctx context.Context, plain []byte) (string, error) {
	var answer struct{ Ciphertext string }
	body := map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)}
	err := v.ask(ctx, http.MethodPost, "encrypt", body, &answer)
	return answer.Ciphertext, err
}

func (v vault) decrypt(ctx context.Context, ciphertext string) ([]byte, error) {
	var answer struct{ Plaintext string }
	if err := v.ask(ctx, http.MethodPost, "decrypt", map[string]string{"ciphertext": ciphertext}, &answer); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(answer.Plaintext)
}

func (v vault) latestVersion(ctx context.Context) (string, error) {
	var answer struct {
		LatestVersion int `json:"latest_version"`
	}
	err := v.ask(ctx, http.MethodGet, "keys", nil, &answer)
	return strconv.Itoa(answer.LatestVersion), err
}

func (v vault) ask(ctx context.Context, method, operation string, body any, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("%s/v1/transit/%s/%s", v.address, operation, v.key)
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("X-Vault-Token", v.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("vault answered %d to %s", response.StatusCode, operation)
	}
	return json.NewDecoder(response.Body).Decode(&struct{ Data any }{Data: answer})
}
