# The key and the least rights of Trousseau in AWS. The login is the role of the nodes.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "name" {
  type        = string
  default     = "kubernetes"
  description = "Name of the alias and of the policy: one for each cluster."
}

resource "aws_kms_key" "kubernetes" {
  description             = "Trousseau: ${var.name}"
  key_usage               = "ENCRYPT_DECRYPT"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = { use = var.name }

  # A lost key is a lost cluster.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "kubernetes" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.kubernetes.key_id
}

# The rights of deploy/policies/aws-kms.json; a test compares them. Attach the policy to the role of the nodes.
resource "aws_iam_policy" "trousseau" {
  name        = "trousseau-${var.name}"
  description = "Encrypts and decrypts with one key, and nothing else."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Trousseau"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ReEncrypt*"]
      Resource = aws_kms_key.kubernetes.arn
    }]
  })
}

output "policy" {
  description = "ARN of the policy."
  value       = aws_iam_policy.trousseau.arn
}

output "provider" {
  description = "Fields of the provider in Trousseau's configuration."
  value       = { kind = "aws-kms", key = aws_kms_key.kubernetes.arn }
}
