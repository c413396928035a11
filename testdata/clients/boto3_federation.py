"""Where boto3's credential chain finds credentials by itself. AWS_ENDPOINT_URL names the server, ADMIN its admin API,
METADATA its EC2 metadata service. It runs with --oidc-issuer, --ecs-role, --ecs-token=container-secret,
--pod-identity-role and --imds-role, which name the roles task, pod and instance of the account 000000000000."""
import json
import os
import shlex
import subprocess
import tempfile
import urllib.request

import botocore.exceptions
import botocore.session

ENDPOINT, ADMIN, METADATA = os.environ["AWS_ENDPOINT_URL"], os.environ["ADMIN"], os.environ["METADATA"]
CHAIN = [
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED",
]


def admin(method, path, body=None):
    request = urllib.request.Request(ADMIN + path, method=method, data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def session(**env):
    """A session that has nothing but these variables to find credentials with."""
    for name in CHAIN:
        os.environ.pop(name, None)
    os.environ.update(env)
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    return botocore.session.Session()


def identity(s):
    return s.create_client("sts").get_caller_identity()["Arn"]


def file(text):
    with tempfile.NamedTemporaryFile("w", delete=False) as f:
        f.write(text)
        return f.name


def token(**request):
    return admin("POST", "/oidc/token", request)["token"]


iam = session(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test").create_client("iam")


def role(name, principal, actions=("sts:AssumeRole", "sts:TagSession"), condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Condition": condition or {}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]


role("task", {"Service": "ecs-tasks.amazonaws.com"})
role("pod", {"Service": "pods.eks.amazonaws.com"})
role("instance", {"Service": "ec2.amazonaws.com"})
provider = iam.create_open_id_connect_provider(Url="https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE", ClientIDList=["sts.amazonaws.com"],
                                               ThumbprintList=["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"])["OpenIDConnectProviderArn"]
web = role("web", {"Federated": provider}, ["sts:AssumeRoleWithWebIdentity"],
           {"StringEquals": {"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE:sub": "system:serviceaccount:shop:cart"}})


def chains():
    cart = dict(preset="kubernetes", sub="system:serviceaccount:shop:cart")
    return {
        "web": dict(AWS_ROLE_ARN=web, AWS_ROLE_SESSION_NAME="cart",
                    AWS_WEB_IDENTITY_TOKEN_FILE=file(token(iss="https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE", **cart))),
        "task": dict(AWS_CONTAINER_CREDENTIALS_FULL_URI=ENDPOINT + "/_gatehouse/credentials/ecs", AWS_CONTAINER_AUTHORIZATION_TOKEN="container-secret"),
        "pod": dict(AWS_CONTAINER_CREDENTIALS_FULL_URI=ENDPOINT + "/v1/credentials",
                    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=file(token(aud=["pods.eks.amazonaws.com"], **cart))),
        "instance": dict(AWS_EC2_METADATA_SERVICE_ENDPOINT=METADATA),
    }


clients = {}
for name, env in chains().items():
    clients[name] = session(**env).create_client("sts")
    arn = clients[name].get_caller_identity()["Arn"]
    assert f":assumed-role/{name}/" in arn, f"{name}: {arn}"

# Who has another service account's token gets nothing.
other = token(preset="kubernetes", sub="system:serviceaccount:shop:mail", iss="https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE")
admin("POST", "/mode", {"iam": "strict"})
try:
    identity(session(AWS_ROLE_ARN=web, AWS_WEB_IDENTITY_TOKEN_FILE=file(other)))
    raise AssertionError("another service account assumed the role")
except botocore.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDenied", e
for name, env in chains().items():
    arn = identity(session(**env))
    assert f":assumed-role/{name}/" in arn, f"{name}, strict: {arn}"

# credential_process, and a profile that assumes a role with its credentials.
command = os.environ["GATEHOUSE"].split()
made = subprocess.run(command + ["credentials", "--role", web, "--session-name", "process"], check=True, capture_output=True, text=True)
assert json.loads(made.stdout)["Version"] == 1, made.stdout
process = " ".join(shlex.quote(word) for word in command + ["credentials", "--role", web])
os.environ["AWS_CONFIG_FILE"] = file(f"[profile app]\ncredential_process = {process}\nregion = us-east-1\n")
arn = identity(session(AWS_PROFILE="app"))
assert ":assumed-role/web/gatehouse" in arn, arn
os.environ["AWS_CONFIG_FILE"] = "/dev/null"

# The clock is moved on: what was handed out has expired, and each endpoint has something new.
admin("POST", "/clock", {"advance": "7h"})
for name, client in clients.items():
    try:
        client.get_caller_identity()
        raise AssertionError(f"{name}: the session has outlived its time")
    except botocore.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == "ExpiredToken", e
for name, env in chains().items():
    arn = identity(session(**env))
    assert f":assumed-role/{name}/" in arn, f"{name}, later: {arn}"
