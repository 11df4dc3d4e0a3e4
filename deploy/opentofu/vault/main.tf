# The key, the login and the least rights of Trousseau in Vault or OpenBao.
terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
  }
}

variable "mount" {
  type        = string
  default     = "transit"
  description = "Path of the transit engine, which this module makes: one for each cluster."
}

variable "key" {
  type        = string
  default     = "kubernetes"
  description = "Name of the key: one for each cluster."
}

variable "role" {
  type        = string
  default     = "trousseau"
  description = "Name of the policy and of the AppRole: one for each cluster."
}

variable "login_mount" {
  type        = string
  default     = "approle"
  description = "Path of the AppRole method, which this module makes: one for each cluster."
}

variable "nodes" {
  type        = list(string)
  description = "CIDR blocks of the control plane nodes: from elsewhere neither the secret ID nor a token is taken."
}

resource "vault_mount" "transit" {
  path        = var.mount
  type        = "transit"
  description = "Keys of Kubernetes clusters"
}

resource "vault_transit_secret_backend_key" "kubernetes" {
  backend                = vault_mount.transit.path
  name                   = var.key
  type                   = "aes256-gcm96"
  deletion_allowed       = false
  exportable             = false
  allow_plaintext_backup = false
  auto_rotate_period     = 7776000

  # A lost key is a lost cluster.
  lifecycle {
    prevent_destroy = true
  }
}

# The rights of deploy/policies/vault.hcl; a test compares them.
resource "vault_policy" "trousseau" {
  name   = var.role
  policy = <<-EOT
    path "${var.mount}/encrypt/${var.key}" {
      capabilities = ["update"]
    }
    path "${var.mount}/decrypt/${var.key}" {
      capabilities = ["update"]
    }
    path "${var.mount}/rewrap/${var.key}" {
      capabilities = ["update"]
    }
    path "${var.mount}/keys/${var.key}" {
      capabilities = ["read"]
    }
    path "auth/token/lookup-self" {
      capabilities = ["read"]
    }
    path "auth/token/renew-self" {
      capabilities = ["update"]
    }
  EOT
}

resource "vault_auth_backend" "approle" {
  type = "approle"
  path = var.login_mount

  tune {
    # The default of 768 hours would cut the secret ID's 90 days without an error.
    max_lease_ttl = "2160h"
  }
}

resource "vault_approle_auth_backend_role" "trousseau" {
  backend               = vault_auth_backend.approle.path
  role_name             = var.role
  token_policies        = [vault_policy.trousseau.name]
  token_ttl             = 3600
  token_max_ttl         = 86400
  secret_id_ttl         = 7776000
  secret_id_bound_cidrs = var.nodes
  token_bound_cidrs     = var.nodes
}

# No secret ID is made here: it would stand in the state file. docs/kms/vault.md brings one to each node.
output "provider" {
  description = "Fields of the provider in Trousseau's configuration."
  value = {
    kind  = "vault-transit"
    mount = var.mount
    key   = var.key
    auth  = { method = "approle", mount = vault_auth_backend.approle.path }
  }
}
