package main

import (
	"maps"
	"slices"

	credJWT "github.com/hashicorp/vault-plugin-auth-jwt"
	credKubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	logicalKV "github.com/hashicorp/vault-plugin-secrets-kv"
	credAppRole "github.com/hashicorp/vault/builtin/credential/approle"
	credCert "github.com/hashicorp/vault/builtin/credential/cert"
	credUserpass "github.com/hashicorp/vault/builtin/credential/userpass"
	logicalTransit "github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// pluginTable answers Vault's questions about built-in plugins from a table of those that the tests use: Vault's own
// registry would link every cloud and database there is.
type pluginTable map[consts.PluginType]map[string]logical.Factory

var builtins = pluginTable{
	consts.PluginTypeCredential: {
		"approle":    credAppRole.Factory,
		"cert":       credCert.Factory,
		"jwt":        credJWT.Factory,
		"kubernetes": credKubernetes.Factory,
		"oidc":       credJWT.Factory,
		"userpass":   credUserpass.Factory,
	},
	consts.PluginTypeDatabase: {},
	consts.PluginTypeSecrets: {
		"kv":      logicalKV.Factory,
		"transit": logicalTransit.Factory,
	},
}

func (t pluginTable) Contains(name string, kind consts.PluginType) bool {
	return t[kind][name] != nil
}

func (t pluginTable) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, known := t[kind][name]
	return func() (any, error) { return factory, nil }, known
}

func (t pluginTable) Keys(kind consts.PluginType) []string {
	return slices.Sorted(maps.Keys(t[kind]))
}

func (t pluginTable) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, t.Contains(name, kind)
}

func (pluginTable) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
