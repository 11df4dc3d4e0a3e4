# The key and the least rights of Trousseau in Google Cloud KMS. The login is the service account of the nodes.
terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

variable "location" {
  type        = string
  description = "Location of the key ring, such as europe-west3."
}

variable "key_ring" {
  type        = string
  default     = "kubernetes"
  description = "Name of the key ring, which this module makes: one for each cluster of a project."
}

variable "key" {
  type        = string
  default     = "prod"
  description = "Name of the key: one for each cluster."
}

variable "member" {
  type        = string
  description = "The login, such as serviceAccount:nodes@my-project.iam.gserviceaccount.com."
}

variable "role" {
  type        = string
  default     = "trousseau"
  description = "ID of the role, which this module makes: one for each cluster of a project, without a hyphen."
}

resource "google_kms_key_ring" "kubernetes" {
  name     = var.key_ring
  location = var.location
}

resource "google_kms_crypto_key" "kubernetes" {
  name            = var.key
  key_ring        = google_kms_key_ring.kubernetes.id
  purpose         = "ENCRYPT_DECRYPT"
  rotation_period = "7776000s"

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = "HSM"
  }

  # A lost key is a lost cluster.
  lifecycle {
    prevent_destroy = true
  }
}

# The rights of deploy/policies/gcp-kms.yaml; a test compares them.
resource "google_project_iam_custom_role" "trousseau" {
  role_id     = var.role
  title       = "Trousseau"
  description = "Encrypts and decrypts with a key in Cloud KMS, and nothing else."
  permissions = [
    "cloudkms.cryptoKeyVersions.useToDecrypt",
    "cloudkms.cryptoKeyVersions.useToEncrypt",
  ]
}

# On the key, and not on the project or the key ring.
resource "google_kms_crypto_key_iam_member" "trousseau" {
  crypto_key_id = google_kms_crypto_key.kubernetes.id
  role          = google_project_iam_custom_role.trousseau.id
  member        = var.member
}

output "provider" {
  description = "Fields of the provider in Trousseau's configuration."
  value       = { kind = "gcp-kms", key = google_kms_crypto_key.kubernetes.id }
}
