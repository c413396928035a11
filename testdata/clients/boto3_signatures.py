"""What boto3 signs, in all its forms, gets past authentication; what another secret signed does not.

AWS_ENDPOINT_URL names the server, TLS_ENDPOINT the same behind TLS, SIGNATURE_V2 is set where version 2 is accepted.
"""
import io
import os
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.exceptions
import urllib3
from botocore.config import Config

urllib3.disable_warnings()
ENDPOINT, TLS = os.environ["AWS_ENDPOINT_URL"], os.environ["TLS_ENDPOINT"]
PORT = urllib.parse.urlsplit(ENDPOINT).port
REGION = "us-east-1"
BIG = b"0123456789abcdef" * (20 << 10)
KEY = "a b/+ü//c"
passed, failures = 0, []

# Names of AWS's lead to the server: virtual-hosted buckets have no other way.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *args, **kwargs: resolve("127.0.0.1" if str(host).endswith(".amazonaws.com") else host, *args, **kwargs)


def client(service, credentials, endpoint=ENDPOINT, **options):
    options.setdefault("retries", {"total_max_attempts": 1})
    return boto3.client(
        service, region_name=REGION, endpoint_url=endpoint, verify=False, config=Config(**options),
        aws_access_key_id=credentials[0], aws_secret_access_key=credentials[1], aws_session_token=credentials[2])


def check(name, want, call):
    """Hold the error code of a call against the wanted one; "" is success."""
    global passed
    got = ""
    try:
        call()
    except botocore.exceptions.ClientError as e:
        got = e.response["Error"]["Code"]
    except Exception as e:  # whatever else a client says, it is not the answer
        got = repr(e)
    if got == want:
        passed += 1
    else:
        failures.append(f"{name}: got {got!r}, want {want!r}")


def visit(name, want, url, method="GET", data=None, headers={}):
    """Hold the status and the code of a plain request against the wanted ones."""
    global passed
    try:
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request) as response:
            got, text = response.status, response.read().decode()
    except urllib.error.HTTPError as e:
        got, text = e.code, e.read().decode()
    code = text.partition("<Code>")[2].partition("</Code>")[0]
    if (got, code) == want:
        passed += 1
    else:
        failures.append(f"{name}: got {got} {code} {text}, want {want}")


class Stream(io.RawIOBase):
    """A body that can be rewound but has no length of its own in memory."""

    def __init__(self, data):
        self.inner = io.BytesIO(data)

    def readable(self):
        return True

    def seekable(self):
        return True

    def read(self, n=-1):
        return self.inner.read(n)

    def seek(self, *args):
        return self.inner.seek(*args)

    def tell(self):
        return self.inner.tell()


def services(credentials):
    """One call of each kind, by name: those that are answered and those that are only authenticated."""
    iam, sts = client("iam", credentials), client("sts", credentials)
    here = {
        "iam list_users": lambda: iam.list_users(PathPrefix="/a+b/"),
        "sts get_caller_identity": sts.get_caller_identity,
    }
    if credentials[2]:
        here["iam list_users"] = sts.get_caller_identity  # a session without MFA calls no IAM
    table, queue = client("dynamodb", credentials), client("sqs", credentials)
    json = {
        "dynamodb put_item": lambda: table.put_item(TableName="table", Item={"k": {"S": "é &+"}}),
        "dynamodb list_tables": table.list_tables,
        "sqs send_message": lambda: queue.send_message(QueueUrl=ENDPOINT + "/000000000000/q", MessageBody="é &+"),
        "sqs list_queues": lambda: queue.list_queues(QueueNamePrefix="a"),
    }
    path = {"addressing_style": "path"}
    s3 = {
        "path": client("s3", credentials, s3=path),
        "path, s3v4": client("s3", credentials, s3=path, signature_version="s3v4"),
        "path, payload signed": client("s3", credentials, s3=path | {"payload_signing_enabled": True}),
        "virtual": client("s3", credentials, f"http://s3.{REGION}.amazonaws.com:{PORT}", s3={"addressing_style": "virtual"}),
        "TLS": client("s3", credentials, TLS, s3=path),
    }
    xml = {}
    for name, c in s3.items():
        xml |= {
            f"s3 put_object ({name})": lambda c=c: c.put_object(Bucket="bucket", Key=KEY, Body=BIG, Metadata={"a": "two  blanks"}),
            f"s3 put_object of a stream ({name})": lambda c=c: c.put_object(Bucket="bucket", Key=KEY, Body=Stream(BIG)),
            f"s3 put_object, empty ({name})": lambda c=c: c.put_object(Bucket="bucket", Key="empty", Body=b""),
            f"s3 upload_part ({name})": lambda c=c: c.upload_part(Bucket="bucket", Key=KEY, UploadId="u", PartNumber=1, Body=BIG),
            f"s3 list_objects_v2 ({name})": lambda c=c: c.list_objects_v2(Bucket="bucket", Prefix="a b/+", Delimiter="/"),
            f"s3 copy_object ({name})": lambda c=c: c.copy_object(Bucket="bucket", Key=KEY, CopySource={"Bucket": "b", "Key": KEY}),
            f"s3 delete_objects ({name})": lambda c=c: c.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "k"}]}),
            f"s3 put_bucket_tagging ({name})": lambda c=c: c.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}),
        }
        for algorithm in ["CRC32", "SHA1", "SHA256"]:
            xml[f"s3 put_object with {algorithm} ({name})"] = lambda c=c, a=algorithm: c.put_object(
                Bucket="bucket", Key=KEY, Body=Stream(BIG), ChecksumAlgorithm=a)
    return here, json, xml, s3


def form(url, fields, data):
    boundary = "gatehouse"
    text = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    text += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'
    return dict(url=url, method="POST", data=text.encode() + data + f"\r\n--{boundary}--\r\n".encode(),
                headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})


root = client("iam", ("test", "any", None))
root.create_user(UserName="signer")
made = root.create_access_key(UserName="signer")["AccessKey"]
long_term = made["AccessKeyId"], made["SecretAccessKey"], None
made = client("sts", long_term).get_session_token()["Credentials"]
temporary = made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]

for credentials in long_term, temporary:
    kind = "temporary" if credentials[2] else "long-term"
    here, json, xml, s3 = services(credentials)
    for name, call in here.items():
        check(f"{kind}: {name}", "", call)
    for name, call in (json | xml).items():
        check(f"{kind}: {name}", "NotImplemented", call)
    check(f"{kind}: s3 head_object", "501", lambda: s3["path"].head_object(Bucket="bucket", Key=KEY))

    ok, v4 = (501, "NotImplemented"), s3["path, s3v4"]
    target = {"Bucket": "bucket", "Key": KEY}
    visit(f"{kind}: presigned GET", ok, v4.generate_presigned_url("get_object", target | {"ResponseContentType": "a/b; c=d"}))
    visit(f"{kind}: presigned PUT", ok, v4.generate_presigned_url("put_object", target), "PUT", b"body")
    visit(f"{kind}: presigned GET, altered", (403, "SignatureDoesNotMatch"), v4.generate_presigned_url("get_object", target) + "&versionId=1")
    post = v4.generate_presigned_post("bucket", "up/${filename}", Conditions=[["content-length-range", 1, 100]])
    visit(f"{kind}: POST form", ok, **form(post["url"], post["fields"], b"data"))
    visit(f"{kind}: POST form, too large", (400, "EntityTooLarge"), **form(post["url"], post["fields"], b"x" * 101))
    visit(f"{kind}: POST form, another key", (403, "AccessDenied"), **form(post["url"], post["fields"] | {"key": "else/where"}, b"data"))
    # In us-east-1 boto3 still presigns with version 2 unless it is told not to.
    v2 = ok if os.environ.get("SIGNATURE_V2") else (400, "InvalidRequest")
    visit(f"{kind}: presigned GET, version 2", v2, s3["path"].generate_presigned_url("get_object", target))
    url = client("sts", credentials).generate_presigned_url("get_caller_identity", HttpMethod="GET")
    visit(f"{kind}: presigned GetCallerIdentity", (200, ""), url)

    here, json, xml, _ = services((credentials[0], credentials[1] + "x", credentials[2]))
    for name, call in (here | xml).items():
        check(f"{kind}, another secret: {name}", "SignatureDoesNotMatch", call)
    for name, call in json.items():
        check(f"{kind}, another secret: {name}", "InvalidSignatureException", call)

here, json, xml, _ = services(("AKIAIOSFODNN7EXAMPLE", "secret", None))
for calls, code in (here, "InvalidClientTokenId"), (json, "UnrecognizedClientException"), (xml, "InvalidAccessKeyId"):
    for name, call in calls.items():
        check(f"unknown key: {name}", code, call)
here, json, xml, _ = services((temporary[0], temporary[1], "token"))
for calls, code in (here, "InvalidClientTokenId"), (json, "UnrecognizedClientException"), (xml, "InvalidToken"):
    for name, call in calls.items():
        check(f"another token: {name}", code, call)

print("\n".join(failures))
print(f"{passed} passed, {len(failures)} failed")
sys.exit(bool(failures))
