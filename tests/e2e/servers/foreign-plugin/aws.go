package main

import (
	"context"
	"net/http"
)

// One key of AWS KMS, by its JSON API, where nobody looks at signatures.
type aws struct {
	endpoint, key, region string
	// The encryption context; nil for none.
	context map[string]string
}

func (a aws) encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	var answer struct{ CiphertextBlob []byte }
	err := a.ask(ctx, "Encrypt", map[string]any{"KeyId": a.key, "Plaintext": plain}, &answer)
	return answer.CiphertextBlob, err
}

// The key is not named: AWS KMS finds it in the ciphertext.
func (a aws) decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	var answer struct{ Plaintext []byte }
	err := a.ask(ctx, "Decrypt", map[string]any{"CiphertextBlob": ciphertext}, &answer)
	return answer.Plaintext, err
}

// What it was configured with, for ever.
func (a aws) keyID(context.Context) (string, error) { return a.key, nil }

func (a aws) ask(ctx context.Context, operation string, input map[string]any, answer any) error {
	if a.context != nil {
		input["EncryptionContext"] = a.context
	}
	scope := "Credential=STANDIN/20260101/" + a.region + "/kms/aws4_request"
	header := http.Header{
		"Authorization": {"AWS4-HMAC-SHA256 " + scope + ", SignedHeaders=host, Signature=none"},
		"Content-Type":  {"application/x-amz-json-1.1"},
		"X-Amz-Target":  {"TrentService." + operation},
	}
	return ask(ctx, http.MethodPost, a.endpoint, header, input, answer)
}
