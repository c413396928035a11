# Profiles of the AWS CLI: role_arn with source_profile and mfa_serial, and web_identity_token_file. AWS_ENDPOINT_URL names
# the server, GATEHOUSE the program; the server runs with --oidc-issuer and --iam=strict.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export AWS_DEFAULT_REGION=us-east-1 AWS_PAGER= AWS_CONFIG_FILE="$dir/config" AWS_SHARED_CREDENTIALS_FILE="$dir/credentials" HOME="$dir"

root() { AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws "$@"; }
fail() { echo "$*" >&2; exit 1; }

root iam create-user --user-name alice > "$dir/out"
root iam put-user-policy --user-name alice --policy-name assume --policy-document '{
  "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}'
set -- $(root iam create-access-key --user-name alice --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
printf '[alice]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$2" > "$dir/credentials"

serial=$(root iam create-virtual-mfa-device --virtual-mfa-device-name phone --outfile "$dir/qr.png" --bootstrap-method QRCodePNG \
  --query VirtualMFADevice.SerialNumber --output text)
set -- $($GATEHOUSE mfa code --two "$serial")
root iam enable-mfa-device --user-name alice --serial-number "$serial" --authentication-code1 "$1" --authentication-code2 "$2"
$GATEHOUSE clock advance 1m > "$dir/out"

root iam create-role --role-name admin --assume-role-policy-document '{
  "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole",
  "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}]}' > "$dir/out"
cat > "$dir/config" <<END
[profile admin]
role_arn = arn:aws:iam::000000000000:role/admin
source_profile = alice
mfa_serial = $serial
[profile open]
role_arn = arn:aws:iam::000000000000:role/admin
source_profile = alice
[profile web]
role_arn = arn:aws:iam::000000000000:role/web
web_identity_token_file = $dir/token
END
if AWS_PROFILE=open aws sts get-caller-identity > "$dir/out" 2>&1; then fail "the role was assumed without a second factor"; fi
grep -q AccessDenied "$dir/out" || fail "$(cat "$dir/out")"

# The CLI asks for the code on the terminal; without one it is told by a script.
code=$($GATEHOUSE mfa code "$serial")
arn=$(printf '%s\n' "$code" | AWS_PROFILE=admin aws sts get-caller-identity --query Arn --output text 2> "$dir/err" | tail -n 1)
case "$arn" in
*:assumed-role/admin/*) ;;
*) fail "with a code: $arn $(cat "$dir/err")" ;;
esac

provider=$(root iam create-open-id-connect-provider --url https://token.actions.githubusercontent.com --client-id-list sts.amazonaws.com \
  --thumbprint-list 6938fd4d98bab03faadb97b34396831e3780aea1 --query OpenIDConnectProviderArn --output text)
root iam create-role --role-name web --assume-role-policy-document '{
  "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": "'"$provider"'"}, "Action": "sts:AssumeRoleWithWebIdentity",
  "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:octo-org/shop:*"}}}]}' > "$dir/out"
$GATEHOUSE oidc token --preset github --sub repo:octo-org/shop:ref:refs/heads/main > "$dir/token"
arn=$(AWS_PROFILE=web aws sts get-caller-identity --query Arn --output text)
case "$arn" in
*:assumed-role/web/*) ;;
*) fail "web identity: $arn" ;;
esac
