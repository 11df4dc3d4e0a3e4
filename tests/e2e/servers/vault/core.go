package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"
	logicalKV "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/plugin"
	"github.com/hashicorp/vault/helper/namespace"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/vault"
	vaultseal "github.com/hashicorp/vault/vault/seal"
)

// startCore makes a core that is ready for requests, whose root token is token, and returns the one key that unseals it
// again after it was sealed. With a folder the storage is files in it, and a second start opens what the first one left.
func startCore(token, folder string, log hclog.Logger) (*vault.Core, []byte, error) {
	storage, kind, err := openStorage(folder, log.Named("storage"))
	if err != nil {
		return nil, nil, fmt.Errorf("open the storage: %w", err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Logger:          log,
		Physical:        storage,
		StorageType:     kind,
		DisableMlock:    true,
		BuiltinRegistry: builtins,
		AuditBackends: map[string]audit.Factory{
			"file":   audit.NewFileBackend,
			"socket": audit.NewSocketBackend,
		},
		CredentialBackends: map[string]logical.Factory{"plugin": plugin.Factory},
		LogicalBackends:    map[string]logical.Factory{"plugin": plugin.Factory, "kv": logicalKV.Factory},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make the core: %w", err)
	}
	ctx := namespace.RootContext(context.Background())
	if key, err := keptKey(folder); err != nil || key != nil {
		if err == nil {
			err = unseal(core, key)
		}
		return core, key, err
	}
	key, firstToken, err := initialise(ctx, core)
	if err != nil {
		return nil, nil, err
	}
	if err := exchangeRoot(ctx, core, firstToken, token); err != nil {
		return nil, nil, err
	}
	return core, key, keepKey(folder, key)
}

// initialise initialises and unseals with a single share.
func initialise(ctx context.Context, core *vault.Core) (key []byte, rootToken string, err error) {
	shares := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	if core.SealAccess().StoredKeysSupported() != vaultseal.StoredKeysNotSupported {
		shares.StoredShares = 1
	}
	result, err := core.Initialize(ctx, &vault.InitParams{BarrierConfig: shares})
	if err != nil {
		return nil, "", fmt.Errorf("initialise: %w", err)
	}
	key = result.SecretShares[0]
	return key, result.RootToken, unseal(core, key)
}

func unseal(core *vault.Core, key []byte) error {
	// Unseal takes what it is given as its own and may wipe it.
	unsealed, err := core.Unseal(bytes.Clone(key))
	if err == nil && !unsealed {
		err = errors.New("its only share did not unseal it")
	}
	if err != nil {
		return fmt.Errorf("unseal: %w", err)
	}
	return nil
}

// exchangeRoot replaces the root token that Vault drew by lot with one whose value is chosen.
func exchangeRoot(ctx context.Context, core *vault.Core, drawn, chosen string) error {
	for _, step := range []struct {
		path string
		data map[string]any
	}{
		{"auth/token/create", map[string]any{
			"id": chosen, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
		}},
		{"auth/token/revoke-self", nil},
	} {
		response, err := core.HandleRequest(ctx, &logical.Request{
			ID: "exchange-root", Operation: logical.UpdateOperation, ClientToken: drawn, Path: step.path, Data: step.data,
		})
		if err == nil && response != nil && response.IsError() {
			err = response.Error()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.path, err)
		}
	}
	return nil
}
