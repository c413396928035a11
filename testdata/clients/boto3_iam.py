"""Waiters, paginators and resources of boto3's IAM, and the script that cleans an account up with them.
AWS_ENDPOINT_URL names the server."""
import base64
import csv
import hashlib
import hmac
import json
import struct
import threading
import time

import boto3
import botocore.exceptions

session = boto3.Session(region_name="us-east-1", aws_access_key_id="123456789012", aws_secret_access_key="any")
iam = session.client("iam")
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]})


def pages(operation, key, size=1, **kwargs):
    """All items, asked for in pages of size."""
    got = list(iam.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **kwargs))
    for page in got[:-1]:
        assert page["IsTruncated"] and page["Marker"] and len(page[key]) <= size, page
    assert not got[-1]["IsTruncated"] and "Marker" not in got[-1], got[-1]
    return [item for page in got for item in page[key]]


# Waiters: what is there, what comes while they wait, and what never does.
ARN = "arn:aws:iam::123456789012:policy/late"
waiters = {
    "user_exists": ({"UserName": "late"}, lambda: iam.create_user(UserName="late"), lambda: iam.delete_user(UserName="late")),
    "role_exists": ({"RoleName": "late"}, lambda: iam.create_role(RoleName="late", AssumeRolePolicyDocument=TRUST), lambda: iam.delete_role(RoleName="late")),
    "instance_profile_exists": (
        {"InstanceProfileName": "late"}, lambda: iam.create_instance_profile(InstanceProfileName="late"),
        lambda: iam.delete_instance_profile(InstanceProfileName="late")),
    "policy_exists": ({"PolicyArn": ARN}, lambda: iam.create_policy(PolicyName="late", PolicyDocument=POLICY), lambda: iam.delete_policy(PolicyArn=ARN)),
}
assert sorted(iam.waiter_names) == sorted(waiters), iam.waiter_names
for name, (args, create, delete) in waiters.items():
    try:
        iam.get_waiter(name).wait(WaiterConfig={"Delay": 0, "MaxAttempts": 3}, **args)
        raise AssertionError(f"{name}: what is not there was waited for")
    except botocore.exceptions.WaiterError as e:
        assert "Max attempts exceeded" in str(e) and e.last_response["Error"]["Code"] == "NoSuchEntity", e
    asked = threading.Event()
    iam.meta.events.register_first("after-call.iam", lambda **kwargs: asked.set(), "asked")
    failed = []

    def wait(name=name, args=args):
        try:
            iam.get_waiter(name).wait(WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}, **args)
        except Exception as e:
            failed.append(e)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert asked.wait(10), f"{name}: nothing was asked"
    iam.meta.events.unregister("after-call.iam", unique_id="asked")
    create()
    waiting.join(30)
    assert not waiting.is_alive() and not failed, f"{name}: {failed}"
    iam.get_waiter(name).wait(WaiterConfig={"Delay": 0, "MaxAttempts": 1}, **args)
    delete()

# An account with several of everything.
arns = [iam.create_policy(PolicyName=f"p{i}", PolicyDocument=POLICY, Tags=[{"Key": "i", "Value": str(i)}])["Policy"]["Arn"] for i in range(3)]
for arn in arns:
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
for i in range(3):
    user, group, role, profile = f"u{i}", f"g{i}", f"r{i}", f"ip{i}"
    iam.create_user(UserName=user, Path=f"/{i}/", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.create_group(GroupName=group)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName=profile)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
    iam.create_login_profile(UserName=user, Password="Correct-Horse-1")
    for _ in range(2):
        iam.create_access_key(UserName=user)
    for arn in arns:
        iam.attach_user_policy(UserName=user, PolicyArn=arn)
        iam.attach_group_policy(GroupName=group, PolicyArn=arn)
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    for name in ("in1", "in2"):
        iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=POLICY)
        iam.put_group_policy(GroupName=group, PolicyName=name, PolicyDocument=POLICY)
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=POLICY)
for i in range(3):
    for j in range(3):
        iam.add_user_to_group(GroupName=f"g{i}", UserName=f"u{j}")
device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
iam.create_virtual_mfa_device(VirtualMFADeviceName="spare")
assert device["QRCodePNG"].startswith(b"\x89PNG"), device["QRCodePNG"][:8]


def code(seed, step):
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


step = int(time.time()) // 30
iam.enable_mfa_device(
    UserName="u0", SerialNumber=device["SerialNumber"],
    AuthenticationCode1=code(device["Base32StringSeed"], step - 1), AuthenticationCode2=code(device["Base32StringSeed"], step))

# Pages of one have everything once, in the order that one page has it in.
for operation, key, args in [
        ("list_users", "Users", {}), ("list_groups", "Groups", {}), ("list_roles", "Roles", {}), ("list_instance_profiles", "InstanceProfiles", {}),
        ("list_policies", "Policies", {"Scope": "Local"}), ("list_policies", "Policies", {"OnlyAttached": True}),
        ("list_policy_versions", "Versions", {"PolicyArn": arns[0]}), ("list_policy_tags", "Tags", {"PolicyArn": arns[0]}),
        ("list_virtual_mfa_devices", "VirtualMFADevices", {}), ("list_access_keys", "AccessKeyMetadata", {"UserName": "u1"}),
        ("list_attached_user_policies", "AttachedPolicies", {"UserName": "u1"}), ("list_user_policies", "PolicyNames", {"UserName": "u1"}),
        ("list_user_tags", "Tags", {"UserName": "u1"}), ("list_groups_for_user", "Groups", {"UserName": "u1"}), ("get_group", "Users", {"GroupName": "g1"}),
        ("list_attached_group_policies", "AttachedPolicies", {"GroupName": "g1"}), ("list_group_policies", "PolicyNames", {"GroupName": "g1"}),
        ("list_attached_role_policies", "AttachedPolicies", {"RoleName": "r1"}), ("list_role_policies", "PolicyNames", {"RoleName": "r1"}),
        ("list_instance_profiles_for_role", "InstanceProfiles", {"RoleName": "r1"}), ("list_entities_for_policy", "PolicyUsers", {"PolicyArn": arns[0]})]:
    one, all_ = pages(operation, key, 1, **args), pages(operation, key, 1000, **args)
    assert one == all_ and one, f"{operation} {args}: {one}, in one page {all_}"

# So have the pages of what is in one list of several.
details = {}
for page in iam.get_paginator("get_account_authorization_details").paginate(
        Filter=["User", "Group", "Role", "LocalManagedPolicy"], PaginationConfig={"PageSize": 1}):
    here = {key: page[key] for key in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")}
    assert sum(map(len, here.values())) == 1, here
    for key, items in here.items():
        details.setdefault(key, []).extend(items)
whole = iam.get_account_authorization_details(Filter=["User", "Group", "Role", "LocalManagedPolicy"])
assert all(whole[key] == items for key, items in details.items()), details
assert [len(details[key]) for key in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")] == [3, 3, 3, 3], details
assert details["RoleDetailList"][0]["RolePolicyList"][0]["PolicyDocument"] == json.loads(POLICY)
assert [v["VersionId"] for v in details["Policies"][0]["PolicyVersionList"]] == ["v2", "v1"], details["Policies"][0]

# MaxItems of the paginator stops in a page, and its token starts again behind it.
first = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2, "MaxItems": 1}).build_full_result()
rest = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2, "StartingToken": first["NextToken"]}).build_full_result()
assert [u["UserName"] for u in first["Users"] + rest["Users"]] == ["u0", "u1", "u2"], (first, rest)

# The reports know of all of it.
summary = iam.get_account_summary()["SummaryMap"]
want = {"Users": 3, "Groups": 3, "Roles": 3, "Policies": 3, "InstanceProfiles": 3, "MFADevices": 2, "MFADevicesInUse": 1, "PolicyVersionsInUse": 6}
assert {k: summary[k] for k in want} == want, summary
while iam.generate_credential_report()["State"] != "COMPLETE":
    pass
report = iam.get_credential_report()
assert report["ReportFormat"] == "text/csv", report["ReportFormat"]
rows = {row["user"]: row for row in csv.DictReader(report["Content"].decode().splitlines())}
assert list(rows) == ["<root_account>", "u0", "u1", "u2"], list(rows)
got = [rows["u0"][k] for k in ("mfa_active", "password_enabled", "password_last_used", "access_key_2_active", "access_key_1_last_used_service", "cert_1_active")]
assert got == ["true", "true", "no_information", "true", "N/A", "false"], rows["u0"]

# The clean-up, by the resources that such scripts walk.
resource = session.resource("iam")
for user in resource.users.all():
    assert user.path == f"/{user.name[1:]}/" and user.tags is None, user.meta.data
    user.reload()
    assert user.tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], user.tags
    user.LoginProfile().delete()
    for mfa in user.mfa_devices.all():
        mfa.disassociate()
    for collection in (user.access_keys, user.policies, user.signing_certificates):
        for item in collection.all():
            item.delete()
    for policy in user.attached_policies.all():
        user.detach_policy(PolicyArn=policy.arn)
    for group in user.groups.all():
        user.remove_group(GroupName=group.name)
    user.delete()
for group in resource.groups.all():
    assert not list(group.users.all()), group.name
    for policy in group.attached_policies.all():
        group.detach_policy(PolicyArn=policy.arn)
    for policy in group.policies.all():
        policy.delete()
    group.delete()
for role in resource.roles.all():
    for profile in role.instance_profiles.all():
        profile.remove_role(RoleName=role.name)
        profile.delete()
    for policy in role.attached_policies.all():
        role.detach_policy(PolicyArn=policy.arn)
    for policy in role.policies.all():
        policy.delete()
    role.delete()
for policy in resource.policies.filter(Scope="Local"):
    assert policy.attachment_count == 0, policy.meta.data
    for version in policy.versions.all():
        if not version.is_default_version:
            version.delete()
    policy.delete()
for mfa in resource.virtual_mfa_devices.all():
    mfa.delete()
for operation, key in [("list_users", "Users"), ("list_groups", "Groups"), ("list_roles", "Roles"), ("list_instance_profiles", "InstanceProfiles"),
                       ("list_virtual_mfa_devices", "VirtualMFADevices")]:
    assert pages(operation, key) == [], operation
assert pages("list_policies", "Policies", Scope="Local") == []
summary = iam.get_account_summary()["SummaryMap"]
assert not any(summary[k] for k in want), summary
print("1 passed, 0 failed")
