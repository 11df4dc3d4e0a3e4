package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// A key in a real server, as the plugins use one.
type engine interface {
	encrypt(ctx context.Context, plain []byte) ([]byte, error)
	decrypt(ctx context.Context, ciphertext []byte) ([]byte, error)
	// What the plugin says in Status, from a call of its own.
	keyID(ctx context.Context) (string, error)
}

// Posts JSON, or asks where there is nothing to post, and reads JSON.
func ask(ctx context.Context, method, url string, header http.Header, body any, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the KMS answered %d", response.StatusCode)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
