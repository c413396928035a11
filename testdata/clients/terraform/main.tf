# Every aws_iam resource and data source of the AWS provider: as it is made in stage 1, and as it is changed in stage 2. A
# plan after either must find nothing to do. TestTerraform runs it; the files it reads are those of testdata/scenarios.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

provider "aws" {
  region                  = "us-east-1"
  access_key              = "test"
  secret_key              = "test"
  skip_metadata_api_check = true
  endpoints {
    iam = var.endpoint
    sts = var.endpoint
  }
}

variable "stage" {
  type    = number
  default = 1
}
locals {
  two   = var.stage == 2
  trust = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }] })
  doc   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = local.two ? "s3:PutObject" : "s3:GetObject", Resource = "arn:aws:s3:::bucket/*" }] })
  tags  = local.two ? { env = "two", other = "" } : { env = "one", gone = "soon" }
}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.u.arn]
    }
    dynamic "condition" {
      for_each = local.two ? [1] : []
      content {
        test     = "StringEquals"
        variable = "sts:ExternalId"
        values   = ["x"]
      }
    }
  }
}
resource "aws_iam_user" "u" {
  name                 = local.two ? "tf-user-renamed" : "tf-user"
  path                 = local.two ? "/two/" : "/one/"
  permissions_boundary = local.two ? null : aws_iam_policy.p.arn
  force_destroy        = true
  tags                 = local.tags
}
resource "aws_iam_user" "plain" { name = "tf-plain" }
resource "aws_iam_access_key" "k" {
  user   = aws_iam_user.plain.name
  status = local.two ? "Inactive" : "Active"
}
resource "aws_iam_account_alias" "a" { account_alias = "tf-acme${var.stage}" }
resource "aws_iam_account_password_policy" "pp" {
  minimum_password_length        = local.two ? 14 : 10
  require_lowercase_characters   = true
  require_numbers                = true
  require_uppercase_characters   = true
  require_symbols                = local.two
  allow_users_to_change_password = true
  max_password_age               = local.two ? 0 : 90
  password_reuse_prevention      = local.two ? 3 : null
}
resource "aws_iam_group" "g" {
  name = local.two ? "tf-group2" : "tf-group"
  path = local.two ? "/" : "/g/"
}
resource "aws_iam_group" "g2" { name = "tf-other" }
resource "aws_iam_group_membership" "m" {
  name  = "m"
  group = aws_iam_group.g.name
  users = local.two ? [aws_iam_user.u.name] : [aws_iam_user.u.name, aws_iam_user.plain.name]
}
resource "aws_iam_group_policy" "gp" {
  name   = "gp"
  group  = aws_iam_group.g2.name
  policy = local.doc
}
resource "aws_iam_group_policies_exclusive" "gpe" {
  group_name   = aws_iam_group.g2.name
  policy_names = [aws_iam_group_policy.gp.name]
}
resource "aws_iam_group_policy_attachment" "gpa" {
  group      = aws_iam_group.g2.name
  policy_arn = aws_iam_policy.p.arn
}
resource "aws_iam_group_policy_attachments_exclusive" "gpae" {
  group_name  = aws_iam_group.g2.name
  policy_arns = [aws_iam_group_policy_attachment.gpa.policy_arn]
}
resource "aws_iam_instance_profile" "ip" {
  name = "tf-profile"
  path = "/ip/"
  role = local.two ? aws_iam_role.svc.name : aws_iam_role.r.name
  tags = local.tags
}
resource "aws_iam_openid_connect_provider" "o" {
  url             = "https://oidc.example.com/path"
  client_id_list  = local.two ? ["sts.amazonaws.com", "third"] : ["sts.amazonaws.com", "second"]
  thumbprint_list = local.two ? ["cf23df2207d99a74fbe169e3eba035e633b65d94", "0123456789abcdef0123456789abcdef01234567"] : ["cf23df2207d99a74fbe169e3eba035e633b65d94"]
  tags            = local.tags
}
resource "aws_iam_policy" "p" {
  name        = "tf-policy"
  path        = "/p/"
  description = "desc"
  policy      = local.doc
  tags        = local.tags
}
resource "aws_iam_policy" "p2" {
  name_prefix = "tf-pref-"
  policy      = local.doc
}
resource "aws_iam_policy_attachment" "pa" {
  name       = "pa"
  policy_arn = aws_iam_policy.p2.arn
  users      = local.two ? [] : [aws_iam_user.plain.name]
  roles      = [aws_iam_role.r.name]
  groups     = local.two ? [aws_iam_group.g3.name] : []
}
resource "aws_iam_role" "r" {
  name                  = "tf-role"
  path                  = "/r/"
  description           = local.two ? "two" : "one"
  max_session_duration  = local.two ? 7200 : 3600
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  permissions_boundary  = local.two ? "arn:aws:iam::aws:policy/ReadOnlyAccess" : null
  force_detach_policies = true
  tags                  = local.tags
}
resource "aws_iam_role" "svc" {
  name               = "tf-svc"
  assume_role_policy = local.trust
}
resource "aws_iam_role" "inline" {
  name                = "tf-inline"
  assume_role_policy  = local.trust
  managed_policy_arns = local.two ? ["arn:aws:iam::aws:policy/ReadOnlyAccess"] : ["arn:aws:iam::aws:policy/ReadOnlyAccess", aws_iam_policy.p.arn]
  inline_policy {
    name   = local.two ? "b" : "a"
    policy = local.doc
  }
}
resource "aws_iam_role_policy" "rp" {
  name   = "rp"
  role   = aws_iam_role.svc.id
  policy = local.doc
}
resource "aws_iam_role_policies_exclusive" "rpe" {
  role_name    = aws_iam_role.svc.name
  policy_names = [aws_iam_role_policy.rp.name]
}
resource "aws_iam_role_policy_attachment" "rpa" {
  role       = aws_iam_role.svc.name
  policy_arn = aws_iam_policy.p.arn
}
resource "aws_iam_role_policy_attachments_exclusive" "rpae" {
  role_name   = aws_iam_role.svc.name
  policy_arns = [aws_iam_role_policy_attachment.rpa.policy_arn]
}
resource "aws_iam_saml_provider" "s" {
  name                   = "tf-saml"
  saml_metadata_document = file(local.two ? "changed.xml" : "metadata.xml")
  tags                   = local.tags
}
resource "aws_iam_security_token_service_preferences" "sts" {
  global_endpoint_token_version = local.two ? "v1Token" : "v2Token"
}
resource "aws_iam_server_certificate" "c" {
  name              = local.two ? "tf-cert-two" : "tf-cert"
  path              = local.two ? "/c2/" : "/c/"
  certificate_body  = file("leaf.pem")
  certificate_chain = file("ca.pem")
  private_key       = file("key.pem")
  tags              = local.tags
}
resource "aws_iam_service_linked_role" "slr" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = "tf"
  description      = local.two ? "two" : "one"
  tags             = local.tags
}
resource "aws_iam_service_linked_role" "slr2" { aws_service_name = "elasticbeanstalk.amazonaws.com" }
resource "aws_iam_service_specific_credential" "ssc" {
  service_name = "codecommit.amazonaws.com"
  user_name    = aws_iam_user.plain.name
  status       = local.two ? "Inactive" : "Active"
}
resource "aws_iam_signing_certificate" "sc" {
  user_name        = aws_iam_user.plain.name
  certificate_body = file("cert.pem")
  status           = local.two ? "Inactive" : "Active"
}
resource "aws_iam_user_group_membership" "ugm" {
  user   = aws_iam_user.plain.name
  groups = local.two ? [aws_iam_group.g2.name] : [aws_iam_group.g2.name, aws_iam_group.g3.name]
}
resource "aws_iam_group" "g3" { name = "tf-third" }
resource "aws_iam_user_login_profile" "lp" {
  user                    = aws_iam_user.plain.name
  password_reset_required = true
  depends_on              = [aws_iam_account_password_policy.pp]
}
resource "aws_iam_user_policy" "up" {
  name   = "up"
  user   = aws_iam_user.plain.name
  policy = local.doc
}
resource "aws_iam_user_policies_exclusive" "upe" {
  user_name    = aws_iam_user.plain.name
  policy_names = [aws_iam_user_policy.up.name]
}
resource "aws_iam_user_policy_attachment" "upa" {
  user       = aws_iam_user.u.name
  policy_arn = aws_iam_policy.p.arn
}
resource "aws_iam_user_policy_attachments_exclusive" "upae" {
  user_name   = aws_iam_user.u.name
  policy_arns = [aws_iam_user_policy_attachment.upa.policy_arn]
}
resource "aws_iam_user_ssh_key" "ssh" {
  username   = aws_iam_user.plain.name
  encoding   = "SSH"
  public_key = file("key.pub")
  status     = local.two ? "Inactive" : "Active"
}
resource "aws_iam_virtual_mfa_device" "mfa" {
  virtual_mfa_device_name = "tf-mfa"
  path                    = "/m/"
  tags                    = local.tags
}

# A role that trusts a user who is made later: the provider asks again for as long as the principal is invalid.
resource "aws_iam_user" "late" {
  name       = "tf-late"
  depends_on = [aws_iam_instance_profile.ip]
}
resource "aws_iam_role" "early" {
  name = "tf-early"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:user/tf-late" }, Action = "sts:AssumeRole" }]
  })
}

data "aws_caller_identity" "me" {}
data "aws_iam_access_keys" "d" { user = aws_iam_access_key.k.user }
data "aws_iam_account_alias" "d" { depends_on = [aws_iam_account_alias.a] }
data "aws_iam_group" "d" { group_name = aws_iam_group_membership.m.group }
data "aws_iam_instance_profile" "d" { name = aws_iam_instance_profile.ip.name }
data "aws_iam_instance_profiles" "d" {
  role_name  = aws_iam_role.r.name
  depends_on = [aws_iam_instance_profile.ip]
}
data "aws_iam_openid_connect_provider" "d" { url = "https://${aws_iam_openid_connect_provider.o.url}" }
data "aws_iam_openid_connect_provider" "arn" { arn = aws_iam_openid_connect_provider.o.arn }
data "aws_iam_policy" "d" { arn = aws_iam_policy.p.arn }
data "aws_iam_policy" "name" { name = aws_iam_policy.p.name }
data "aws_iam_policy" "managed" { name = "ReadOnlyAccess" }
data "aws_iam_principal_policy_simulation" "d" {
  action_names      = ["s3:GetObject", "s3:PutObject"]
  policy_source_arn = aws_iam_role.svc.arn
  resource_arns     = ["arn:aws:s3:::bucket/x"]
  context {
    key    = "aws:PrincipalOrgID"
    type   = "string"
    values = ["o-1234567890"]
  }
  depends_on = [aws_iam_role_policy.rp, aws_iam_policy.p, aws_iam_role_policy_attachment.rpa]
}
data "aws_iam_role" "d" { name = aws_iam_role.r.name }
data "aws_iam_roles" "d" {
  name_regex = "^tf-"
  depends_on = [aws_iam_role.r]
}
data "aws_iam_roles" "p" {
  path_prefix = "/r/"
  depends_on  = [aws_iam_role.r]
}
data "aws_iam_saml_provider" "d" { arn = aws_iam_saml_provider.s.arn }
data "aws_iam_server_certificate" "d" { name = aws_iam_server_certificate.c.name }
data "aws_iam_server_certificate" "latest" {
  name_prefix = "tf-cert"
  latest      = true
  depends_on  = [aws_iam_server_certificate.c]
}
data "aws_iam_session_context" "d" { arn = "arn:aws:sts::${data.aws_caller_identity.me.account_id}:assumed-role/${aws_iam_role.r.name}/session" }
data "aws_iam_user" "d" { user_name = aws_iam_user.u.name }
data "aws_iam_user_ssh_key" "d" {
  username          = aws_iam_user.plain.name
  ssh_public_key_id = aws_iam_user_ssh_key.ssh.ssh_public_key_id
  encoding          = "SSH"
}
data "aws_iam_users" "d" {
  name_regex = "tf-.*"
  depends_on = [aws_iam_user.u]
}
