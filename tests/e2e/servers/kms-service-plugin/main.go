// A KMS v2 plugin on Kubernetes' own framework for plugins, k8s.io/kms/pkg/service, as its vendors write them: it has a
// folder of AES-256 keys for a KMS, of which the last by name encrypts, and it knows no gRPC codes.
package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"k8s.io/kms/pkg/service"
)

const algorithm = "algorithm.kms-service-plugin.test"

type folder string

// keys returns all keys by key ID, and the ID of the one that encrypts.
func (f folder) keys() (map[string][]byte, string, error) {
	names, err := filepath.Glob(filepath.Join(string(f), "*.key"))
	if err != nil || len(names) == 0 {
		return nil, "", errors.Join(errors.New("there is no key"), err)
	}
	slices.Sort(names)
	keys, current := map[string][]byte{}, ""
	for _, name := range names {
		key, err := os.ReadFile(name)
		if err != nil {
			return nil, "", err
		}
		current = fmt.Sprintf("go-%x", sha256.Sum256(append([]byte("key_id"), key...)))
		keys[current] = key
	}
	return keys, current, nil
}

func seal(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (f folder) Status(context.Context) (*service.StatusResponse, error) {
	_, current, err := f.keys()
	if err != nil {
		return nil, err
	}
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: current}, nil
}

func (f folder) Encrypt(_ context.Context, _ string, plaintext []byte) (*service.EncryptResponse, error) {
	keys, current, err := f.keys()
	if err != nil {
		return nil, err
	}
	if len(plaintext) == 0 || len(plaintext) > 900 {
		return nil, errors.New("a plaintext has 1 to 900 bytes")
	}
	aead, err := seal(keys[current])
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return &service.EncryptResponse{
		Ciphertext:  aead.Seal(nonce, nonce, plaintext, []byte(current)),
		KeyID:       current,
		Annotations: map[string][]byte{algorithm: []byte("A256GCM")},
	}, nil
}

func (f folder) Decrypt(_ context.Context, _ string, r *service.DecryptRequest) ([]byte, error) {
	keys, _, err := f.keys()
	if err != nil {
		return nil, err
	}
	if len(r.Annotations) != 1 || string(r.Annotations[algorithm]) != "A256GCM" {
		return nil, errors.New("the annotations are wrong")
	}
	aead, err := seal(keys[r.KeyID])
	if err != nil {
		return nil, err
	}
	if len(r.Ciphertext) < aead.NonceSize() {
		return nil, errors.New("the ciphertext is too short")
	}
	nonce, sealed := r.Ciphertext[:aead.NonceSize()], r.Ciphertext[aead.NonceSize():]
	return aead.Open(nil, nonce, sealed, []byte(r.KeyID))
}

func main() {
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "kms-service-plugin SOCKET FOLDER")
		os.Exit(64)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	plugin := service.NewGRPCService(flag.Arg(0), 3*time.Second, folder(flag.Arg(1)))
	context.AfterFunc(ctx, plugin.Close)
	if err := plugin.ListenAndServe(); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "kms-service-plugin:", err)
		os.Exit(1)
	}
}
