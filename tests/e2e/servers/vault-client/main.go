// vault-client uses the keyring as a KV version 2 of Vault, with HashiCorp's own client, and prints one JSON object with
// the result of each step. The address, the certificates and the token come from the variables that the client reads.
//
// With the argument "cert ROLE" it logs in by its client certificate first.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/vault/api"
)

type results map[string]any

func (r results) note(step string, value any, err error) {
	if err == nil {
		r[step] = value
		return
	}
	var answer *api.ResponseError
	if errors.As(err, &answer) {
		r[step] = map[string]any{"status": answer.StatusCode, "errors": answer.Errors}
		return
	}
	r[step] = map[string]any{"error": err.Error()}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := results{}
	if len(os.Args) == 3 && os.Args[1] == "cert" {
		login(ctx, client, os.Args[2], out)
	}
	values(ctx, client, out)
	versions(ctx, client, out)
	system(ctx, client, out)
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

func login(ctx context.Context, client *api.Client, role string, out results) {
	secret, err := client.Logical().WriteWithContext(ctx, "auth/cert/login", map[string]any{"name": role})
	if err == nil {
		client.SetToken(secret.Auth.ClientToken)
	}
	out.note("login", err == nil && secret.Auth.LeaseDuration > 0, err)
}

func values(ctx context.Context, client *api.Client, out results) {
	kv := client.KVv2("secret")
	first, err := kv.Put(ctx, "db/prod/john", map[string]any{"password": "one", "port": 5432, "tags": []string{"a"}}, api.WithCheckAndSet(0))
	out.note("put", version(first), err)
	_, err = kv.Put(ctx, "db/prod/john", map[string]any{"password": "x"}, api.WithCheckAndSet(0))
	out.note("cas", nil, err)
	second, err := kv.Put(ctx, "db/prod/john", map[string]any{"password": "two"})
	out.note("put again", version(second), err)
	read, err := kv.Get(ctx, "db/prod/john")
	out.note("get", data(read), err)
	old, err := kv.GetVersion(ctx, "db/prod/john", 1)
	out.note("get version", data(old), err)
	patched, err := kv.Patch(ctx, "db/prod/john", map[string]any{"user": "john"})
	out.note("patch", version(patched), err)
	read, err = kv.Get(ctx, "db/prod/john")
	out.note("get patched", data(read), err)
	back, err := kv.Rollback(ctx, "db/prod/john", 1)
	out.note("rollback", version(back), err)
	_, err = kv.Get(ctx, "db/prod/none")
	out.note("absent", errors.Is(err, api.ErrSecretNotFound), nil)
}

func versions(ctx context.Context, client *api.Client, out results) {
	kv := client.KVv2("secret")
	err := kv.Delete(ctx, "db/prod/john")
	out.note("delete", true, err)
	deleted, err := kv.Get(ctx, "db/prod/john")
	out.note("get deleted", deleted != nil && deleted.Data == nil && !deleted.VersionMetadata.DeletionTime.IsZero(), err)
	out.note("undelete", true, kv.Undelete(ctx, "db/prod/john", []int{4}))
	out.note("delete versions", true, kv.DeleteVersions(ctx, "db/prod/john", []int{2}))
	out.note("destroy", true, kv.Destroy(ctx, "db/prod/john", []int{1}))
	list, err := kv.GetVersionsAsList(ctx, "db/prod/john")
	shown := []string{}
	for _, one := range list {
		shown = append(shown, fmt.Sprintf("%d deleted=%t destroyed=%t", one.Version, !one.DeletionTime.IsZero(), one.Destroyed))
	}
	out.note("versions", shown, err)
	keys, err := client.Logical().ListWithContext(ctx, "secret/metadata/db")
	if err == nil && keys != nil {
		out.note("list", keys.Data["keys"], nil)
	} else {
		out.note("list", nil, err)
	}
	none, err := client.Logical().ListWithContext(ctx, "secret/metadata/db/none")
	out.note("list absent", none == nil, err)
}

func system(ctx context.Context, client *api.Client, out results) {
	health, err := client.Sys().HealthWithContext(ctx)
	out.note("health", err == nil && health.Initialized && !health.Sealed, err)
	self, err := client.Auth().Token().LookupSelfWithContext(ctx)
	if err == nil {
		out.note("self", self.Data["type"], nil)
	} else {
		out.note("self", nil, err)
	}
	wrapping, _ := client.Clone()
	wrapping.SetToken(client.Token())
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	_, err = wrapping.Logical().ReadWithContext(ctx, "secret/data/db/prod/john")
	out.note("wrapping", nil, err)
	other := client.WithNamespace("team")
	_, err = other.Logical().ReadWithContext(ctx, "secret/data/db/prod/john")
	out.note("namespace", nil, err)
}

func version(secret *api.KVSecret) any {
	if secret == nil || secret.VersionMetadata == nil {
		return nil
	}
	return secret.VersionMetadata.Version
}

func data(secret *api.KVSecret) any {
	if secret == nil {
		return nil
	}
	return secret.Data
}
