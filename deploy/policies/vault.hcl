# What the plugin may do in Vault or OpenBao, and nothing else. Replace `transit` and `kubernetes` by your mount and key:
#
#   vault policy write trousseau vault.hcl
#
# `update` and never `create`: with `create`, a mistyped name would make a new key instead of failing. No `export`, no
# `delete`, no `config`, no `rotate`: whoever takes over the plugin cannot take the key, destroy it or retire it.

path "transit/encrypt/kubernetes" {
  capabilities = ["update"]
}

path "transit/decrypt/kubernetes" {
  capabilities = ["update"]
}

# Each probe rewraps a sentinel: one call that proves the key can decrypt and encrypt, and says which version does.
path "transit/rewrap/kubernetes" {
  capabilities = ["update"]
}

# The versions of the key with their times of creation, read at the start, at a change and once an hour.
path "transit/keys/kubernetes" {
  capabilities = ["read"]
}

# The token: how long it lives, and to let it live on. Vault's `default` policy allows both as well.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
