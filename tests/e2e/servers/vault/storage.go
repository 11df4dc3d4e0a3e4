package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
)

// openStorage opens Vault's file storage in folder/data, or its storage in memory if folder is empty. It also returns
// the name that Vault has for the kind.
func openStorage(folder string, log hclog.Logger) (physical.Backend, string, error) {
	if folder == "" {
		storage, err := inmem.NewInmem(nil, log)
		return storage, "inmem", err
	}
	storage, err := file.NewFileBackend(map[string]string{"path": filepath.Join(folder, "data")}, log)
	return storage, "file", err
}

// keptKey returns the unseal key that an earlier start left in the folder, or nil. An operator would have typed it.
func keptKey(folder string) ([]byte, error) {
	if folder == "" {
		return nil, nil
	}
	key, err := os.ReadFile(keyFile(folder))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return key, err
}

// keepKey leaves the unseal key for the next start.
func keepKey(folder string, key []byte) error {
	if folder == "" {
		return nil
	}
	return os.WriteFile(keyFile(folder), key, 0o600)
}

func keyFile(folder string) string {
	return filepath.Join(folder, "unseal.key")
}
