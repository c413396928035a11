"""The way of a session with boto3. AWS_ENDPOINT_URL names the server."""
import datetime
import json
import urllib.error
import urllib.request

import boto3
import botocore.exceptions

REGION = "us-east-1"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]})


def client(service, key="123456789012", secret="any", token=None):
    return boto3.client(service, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)


def of(credentials):
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


def refused(code, call, **kwargs):
    try:
        call(**kwargs)
    except botocore.exceptions.ClientError as e:
        got = e.response["Error"]["Code"]
        assert got == code, f"got {got}, want {code}: {e}"
        return e.response
    raise AssertionError(f"succeeded, want {code}")


iam = client("iam")
iam.create_user(UserName="bob", Path="/team/", Tags=[{"Key": "team", "Value": "core"}])
assert iam.get_user(UserName="BOB")["User"]["Arn"] == "arn:aws:iam::123456789012:user/team/bob"
key = iam.create_access_key(UserName="bob")["AccessKey"]
role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=7200)["Role"]
assert iam.get_role(RoleName="reader")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
assert [r["RoleName"] for r in iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1}).search("Roles[]")] == ["reader"]

bob = client("sts", key["AccessKeyId"], key["SecretAccessKey"])
out = bob.assume_role(RoleArn=role["Arn"], RoleSessionName="bb", DurationSeconds=7200, Tags=[{"Key": "a", "Value": "1"}], TransitiveTagKeys=["a"])
assert out["AssumedRoleUser"] == {"AssumedRoleId": role["RoleId"] + ":bb", "Arn": "arn:aws:sts::123456789012:assumed-role/reader/bb"}, out
assert isinstance(out["Credentials"]["Expiration"], datetime.datetime) and out["Credentials"]["Expiration"].microsecond == 0
session = client("sts", *of(out["Credentials"]))
assert session.get_caller_identity()["Arn"].endswith(":assumed-role/reader/bb")

# A chained role has an hour at most, and can't override what it inherits.
refused("ValidationError", session.assume_role, RoleArn=role["Arn"], RoleSessionName="cc", DurationSeconds=3601)
refused("InvalidParameterValue", session.assume_role, RoleArn=role["Arn"], RoleSessionName="cc", Tags=[{"Key": "A", "Value": "2"}])
refused("ValidationError", bob.assume_role, RoleArn=role["Arn"], RoleSessionName="cc", DurationSeconds=7201)
refused("AccessDenied", bob.assume_role, RoleArn=role["Arn"] + "x", RoleSessionName="cc")
refused("ValidationError", bob.assume_role, RoleArn="nothing-valid-in-here", RoleSessionName="cc")
refused("AccessDenied", session.get_federation_token, Name="ff")

# The other two kinds of session.
token = bob.get_session_token()["Credentials"]
assert client("sts", *of(token)).get_caller_identity()["UserId"] == iam.get_user(UserName="bob")["User"]["UserId"]
federated = bob.get_federation_token(Name="carol", Policy=json.dumps({"Version": "2012-10-17", "Statement": []} | {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
assert federated["FederatedUser"] == {"FederatedUserId": "123456789012:carol", "Arn": "arn:aws:sts::123456789012:federated-user/carol"}
assert 0 < federated["PackedPolicySize"] < 100
assert client("sts", *of(federated["Credentials"])).get_caller_identity()["Arn"].endswith(":federated-user/carol")

# A presigned request carries the session in its query.
url = session.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
body = urllib.request.urlopen(url).read().decode()
assert ":assumed-role/reader/bb" in body, body
try:
    urllib.request.urlopen(url.replace("X-Amz-Signature=", "X-Amz-Signature=0"))
    raise AssertionError("an altered presigned request was accepted")
except urllib.error.HTTPError as e:
    assert e.code == 403 and b"SignatureDoesNotMatch" in e.read()

# One account does not see another's rows.
assert client("iam", "210987654321").list_users()["Users"] == []
refused("NoSuchEntity", client("iam", "210987654321").get_user, UserName="bob")
assert bob.get_access_key_info(AccessKeyId=out["Credentials"]["AccessKeyId"])["Account"] == "123456789012"
response = refused("NoSuchEntity", iam.get_user, UserName="nobody")
assert response["ResponseMetadata"]["HTTPStatusCode"] == 404 and response["Error"]["Message"] == "The user with name nobody cannot be found."
print("1 passed, 0 failed")
