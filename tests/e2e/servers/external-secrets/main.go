// external-secrets uses a server as External Secrets does, with the provider for Vault of that project, and prints one
// JSON object with the result of each step.
//
// Standard input is JSON: `store`, a SecretStore; `secrets`, the Secrets of its namespace; `steps`, the names of the
// groups of steps to take. A client of Kubernetes that exists in memory only has the Secrets.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	esv1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	"github.com/external-secrets/external-secrets/pkg/provider/vault"
	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

type input struct {
	Store   esv1.SecretStore `json:"store"`
	Secrets []corev1.Secret  `json:"secrets"`
	Steps   []string         `json:"steps"`
}

type results map[string]any

func (r results) note(step string, value any, err error) {
	switch {
	case err == nil:
		r[step] = value
	case errors.Is(err, esv1.NoSecretErr):
		r[step] = "no secret"
	default:
		r[step] = map[string]string{"error": err.Error()}
	}
}

// pushed names what is pushed, as an entry of a PushSecret does.
type pushed struct{ secretKey, remoteKey, property string }

func (p pushed) GetMetadata() *apiextensions.JSON { return nil }
func (p pushed) GetSecretKey() string             { return p.secretKey }
func (p pushed) GetRemoteKey() string             { return p.remoteKey }
func (p pushed) GetProperty() string              { return p.property }

var groups = map[string]func(context.Context, esv1.SecretsClient, results){"read": read, "find": find, "push": push}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	out, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "external-secrets:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

func run(ctx context.Context) (results, error) {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return nil, err
	}
	kube := fake.NewClientBuilder()
	for index := range in.Secrets {
		kube = kube.WithObjects(&in.Secrets[index])
	}
	out := results{}
	provider := &vault.Provider{NewVaultClient: vault.NewVaultClient}
	_, err := provider.ValidateStore(&in.Store)
	out.note("store", true, err)
	client, err := provider.NewClient(ctx, &in.Store, kube.Build(), in.Store.Namespace)
	out.note("login", true, err)
	if err != nil {
		return out, nil
	}
	state, err := client.Validate()
	out.note("validate", state.String(), err)
	for _, name := range in.Steps {
		groups[name](ctx, client, out)
	}
	out.note("close", true, client.Close(ctx))
	return out, nil
}

func read(ctx context.Context, client esv1.SecretsClient, out results) {
	steps := map[string]esv1.ExternalSecretDataRemoteRef{
		"property": {Key: "db/prod/john", Property: "password"},
		"nested":   {Key: "db/prod/john", Property: "options.tls"},
		"whole":    {Key: "db/prod/john"},
		"version":  {Key: "db/prod/john", Property: "password", Version: "1"},
		"labels":   {Key: "db/prod/john", MetadataPolicy: esv1.ExternalSecretMetadataPolicyFetch},
		"absent":   {Key: "db/prod/none"},
		"deleted":  {Key: "db/old"},
		"hidden":   {Key: "hr/salaries"},
		"lacking":  {Key: "db/prod/john", Property: "none"},
	}
	for name, ref := range steps {
		value, err := client.GetSecret(ctx, ref)
		out.note(name, string(value), err)
	}
	values, err := client.GetSecretMap(ctx, esv1.ExternalSecretDataRemoteRef{Key: "db/prod/john"})
	out.note("map", texts(values), err)
	exists, err := client.SecretExists(ctx, pushed{remoteKey: "db/prod/john", property: "password"})
	out.note("exists", exists, err)
}

func find(ctx context.Context, client esv1.SecretsClient, out results) {
	path := "db"
	steps := map[string]esv1.ExternalSecretFind{
		"by name": {Name: &esv1.FindName{RegExp: "prod/j.*"}, Path: &path},
		"by tag":  {Tags: map[string]string{"team": "shop"}, Path: &path},
		"all":     {Name: &esv1.FindName{RegExp: ".*"}},
	}
	for name, ref := range steps {
		values, err := client.GetAllSecrets(ctx, ref)
		out.note(name, texts(values), err)
	}
}

func push(ctx context.Context, client esv1.SecretsClient, out results) {
	secret := &corev1.Secret{Data: map[string][]byte{"user": []byte("anna"), "password": []byte("first")}}
	whole := pushed{remoteKey: "db/pushed/whole"}
	out.note("push", true, client.PushSecret(ctx, secret, whole))
	out.note("push unchanged", true, client.PushSecret(ctx, secret, whole))
	secret.Data["password"] = []byte("second")
	out.note("push changed", true, client.PushSecret(ctx, secret, whole))
	value, err := client.GetSecret(ctx, esv1.ExternalSecretDataRemoteRef{Key: whole.remoteKey})
	out.note("pushed", string(value), err)
	one := pushed{secretKey: "password", remoteKey: "db/pushed/one", property: "pw"}
	out.note("push property", true, client.PushSecret(ctx, secret, one))
	one.property = "other"
	out.note("push second property", true, client.PushSecret(ctx, secret, one))
	value, err = client.GetSecret(ctx, esv1.ExternalSecretDataRemoteRef{Key: one.remoteKey})
	out.note("pushed properties", string(value), err)
	out.note("push over another's", true, client.PushSecret(ctx, secret, pushed{remoteKey: "db/prod/john"}))
	out.note("delete property", true, client.DeleteSecret(ctx, one))
	value, err = client.GetSecret(ctx, esv1.ExternalSecretDataRemoteRef{Key: one.remoteKey})
	out.note("one property less", string(value), err)
	out.note("delete", true, client.DeleteSecret(ctx, whole))
	value, err = client.GetSecret(ctx, esv1.ExternalSecretDataRemoteRef{Key: whole.remoteKey})
	out.note("after delete", string(value), err)
	out.note("delete another's", true, client.DeleteSecret(ctx, pushed{remoteKey: "db/prod/john"}))
}

func texts(values map[string][]byte) map[string]string {
	shown := make(map[string]string, len(values))
	for name, value := range values {
		shown[name] = string(value)
	}
	return shown
}
