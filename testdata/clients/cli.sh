#!/usr/bin/env bash
# The way of a session with the AWS CLI. AWS_ENDPOINT_URL names the server, GATEHOUSE runs the program's commands,
# DB is the database file.
set -euo pipefail
fail() { echo "cli.sh: $*" >&2; exit 1; }
# refused CODE COMMAND...: the command fails, and its error names the code.
refused() {
  local code=$1 out
  shift
  if out=$("$@" 2>&1); then fail "$*: succeeded, want $code"; fi
  [[ $out == *"($code)"* ]] || fail "$*: got $out, want $code"
}
export AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_PAGER= AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
unset AWS_SESSION_TOKEN AWS_PROFILE

[ "$(aws sts get-caller-identity --query Arn --output text)" = arn:aws:iam::000000000000:root ] || fail "test is not root"
aws iam create-user --user-name alice >/dev/null
read -r id secret < <(aws iam create-access-key --user-name alice --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
role_id=$(aws iam create-role --role-name app --query Role.RoleId --output text --assume-role-policy-document '{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}')
aws iam wait role-exists --role-name app

# The waiters of IAM: what is there, what comes while they ask once a second, and what is no name at all.
policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}'
aws iam wait user-exists --user-name alice
waiting=()
aws iam wait user-exists --user-name late & waiting+=($!)
aws iam wait role-exists --role-name late & waiting+=($!)
aws iam wait policy-exists --policy-arn arn:aws:iam::000000000000:policy/late & waiting+=($!)
aws iam wait instance-profile-exists --instance-profile-name late & waiting+=($!)
sleep 3 # they have asked, and been told that it isn't there
kill -0 "${waiting[@]}" || fail "a waiter did not wait"
aws iam create-user --user-name late >/dev/null
aws iam create-role --role-name late --assume-role-policy-document '{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}' >/dev/null
aws iam create-policy --policy-name late --policy-document "$policy" >/dev/null
aws iam create-instance-profile --instance-profile-name late >/dev/null
for pid in "${waiting[@]}"; do wait "$pid" || fail "a waiter gave up"; done
if out=$(aws iam wait user-exists --user-name 'no name' 2>&1); then fail "user-exists waited for what can't be"; fi
[[ $out == *"Waiter UserExists failed"*"(ValidationError)"* ]] || fail "user-exists: $out"
if out=$(aws iam wait policy-exists --policy-arn arn:aws:iam::000000000000:user/alice 2>&1); then fail "policy-exists waited for a user"; fi
[[ $out == *"Waiter PolicyExists failed"* ]] || fail "policy-exists: $out"

# Pages.
[ "$(aws iam list-roles --page-size 1 --query 'Roles[].RoleName' --output text | xargs)" = "app late" ] || fail "list-roles in pages of one"
token=$(aws iam list-users --max-items 1 --output text | awk '$1 == "NEXTTOKEN" { print $2 }')
[ "$(aws iam list-users --starting-token "$token" --query 'Users[].UserName' --output text)" = late ] || fail "list-users does not go on"

export AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret
[ "$(aws sts get-caller-identity --query Arn --output text)" = arn:aws:iam::000000000000:user/alice ] || fail "the user's key is not the user's"
read -r sid ssecret stoken < <(aws sts assume-role --role-arn arn:aws:iam::000000000000:role/app --role-session-name first \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
read -r other < <(aws sts get-session-token --query Credentials.SessionToken --output text)

export AWS_ACCESS_KEY_ID=$sid AWS_SECRET_ACCESS_KEY=$ssecret AWS_SESSION_TOKEN=$stoken
got=$(aws sts get-caller-identity --query '[Arn,UserId,Account]' --output text)
[ "$got" = "arn:aws:sts::000000000000:assumed-role/app/first	$role_id:first	000000000000" ] || fail "the session is $got"
refused AccessDenied aws sts get-session-token
AWS_SESSION_TOKEN=$other refused InvalidClientTokenId aws sts get-caller-identity
AWS_SESSION_TOKEN='' refused InvalidClientTokenId aws sts get-caller-identity
AWS_SECRET_ACCESS_KEY=wrong refused SignatureDoesNotMatch aws sts get-caller-identity
AWS_ACCESS_KEY_ID=ASIAQAAAAAAAAAAAAAAA refused InvalidClientTokenId aws sts get-caller-identity
AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret refused InvalidClientTokenId aws sts get-caller-identity

if command -v sqlite3 >/dev/null; then
  [ "$(sqlite3 "$DB" "SELECT principal_arn FROM active_session WHERE access_key_id = '$sid'")" = arn:aws:sts::000000000000:assumed-role/app/first ] || fail "active_session does not show the session"
  [ "$(sqlite3 "$DB" "SELECT arn FROM principal WHERE name = 'alice'")" = arn:aws:iam::000000000000:user/alice ] || fail "principal does not show the user"
  [ "$(sqlite3 "$DB" "SELECT status FROM credential WHERE access_key_id = '$id'")" = active ] || fail "credential does not show the key"
fi

$GATEHOUSE clock advance 61m >/dev/null
refused ExpiredToken aws sts get-caller-identity
$GATEHOUSE clock reset >/dev/null
aws sts get-caller-identity >/dev/null
if command -v sqlite3 >/dev/null; then
  sqlite3 "$DB" "DELETE FROM session WHERE access_key_id = '$sid'"
  sleep 0.1 # the server looks every 50 ms
  refused InvalidClientTokenId aws sts get-caller-identity
fi
echo "1 passed, 0 failed"
