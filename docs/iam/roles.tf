# The console's own roles. With `may_change` left off it looks and changes nothing: enough for the first day.

variable "name" {
  type    = string
  default = "ops-console"
}

variable "may_change" {
  type        = bool
  default     = false
  description = "attach the policies for releases and for access, too"
}

data "aws_iam_policy_document" "instance" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "console" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.instance.json
}

resource "aws_iam_instance_profile" "console" {
  name = var.name
  role = aws_iam_role.console.name
}

locals {
  attached = var.may_change ? toset(["read", "release", "access"]) : toset(["read"])
}

resource "aws_iam_policy" "console" {
  for_each = toset(["read", "release", "access"])
  name     = "${var.name}-${each.key}"
  policy   = file("${path.module}/${each.key}.json")
}

resource "aws_iam_role_policy_attachment" "console" {
  for_each   = local.attached
  role       = aws_iam_role.console.name
  policy_arn = aws_iam_policy.console[each.key].arn
}
