# The key and the least rights of Trousseau in Azure Key Vault. The login is the managed identity of the nodes.
terraform {
  required_providers {
    azurerm = {
      source = "hashicorp/azurerm"
    }
  }
}

variable "key_vault_id" {
  type        = string
  description = "ID of a vault with RBAC, soft delete and purge protection."
}

variable "subscription" {
  type        = string
  description = "The subscription's ID: /subscriptions/…"
}

variable "principal_id" {
  type        = string
  description = "Object ID of the nodes' managed identity."
}

variable "name" {
  type        = string
  default     = "kubernetes"
  description = "Name of the key: one for each cluster."
}

variable "role" {
  type        = string
  default     = "Trousseau"
  description = "Name of the role, which this module makes: one for each cluster of a tenant."
}

resource "azurerm_key_vault_key" "kubernetes" {
  name         = var.name
  key_vault_id = var.key_vault_id
  key_type     = "RSA"
  key_size     = 3072
  key_opts     = ["unwrapKey", "wrapKey"]

  # A lost key is a lost cluster.
  lifecycle {
    prevent_destroy = true
  }
}

# The rights of deploy/policies/azure-key-vault.json; a test compares them.
resource "azurerm_role_definition" "trousseau" {
  name        = var.role
  scope       = var.subscription
  description = "Reads one key's public part and versions, wraps and unwraps with it, and nothing else."

  permissions {
    actions = []
    data_actions = [
      "Microsoft.KeyVault/vaults/keys/read",
      "Microsoft.KeyVault/vaults/keys/unwrap/action",
      "Microsoft.KeyVault/vaults/keys/wrap/action",
    ]
  }

  assignable_scopes = [var.subscription]
}

# On the key, and not on the vault.
resource "azurerm_role_assignment" "trousseau" {
  scope              = azurerm_key_vault_key.kubernetes.resource_versionless_id
  role_definition_id = azurerm_role_definition.trousseau.role_definition_resource_id
  principal_id       = var.principal_id
}

output "provider" {
  description = "Fields of the provider in Trousseau's configuration."
  value       = { kind = "azure-key-vault", key = azurerm_key_vault_key.kubernetes.versionless_id }
}
