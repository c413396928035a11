"""boto3, or with CLI=1 the AWS CLI, finding credentials by itself, on a clock of its own. Each line of the input is a call:
{"shift": SECONDS, "code": CODE} with the seconds that this client's clock is ahead and the code of its MFA device. Each
line of the output is what came of it: {"arn": ..., "key": ...} or {"error": ...}."""
import contextlib
import datetime
import getpass
import io
import json
import os
import sys

call = {}
# botocore asks for the code with this; it must be in place before botocore is loaded.
getpass.getpass = lambda *_, **__: call["code"]


class Any(type):
    def __instancecheck__(cls, value):
        return isinstance(value, datetime.datetime)


class Clock(datetime.datetime, metaclass=Any):
    """A datetime whose now is this client's."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=call.get("shift", 0))

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.timezone.utc).replace(tzinfo=None)


class Module:
    """The module datetime, with the clock that is ahead."""
    datetime = Clock

    def __getattr__(self, name):
        return getattr(datetime, name)


import botocore.credentials
import botocore.utils

# What decides whether credentials are due. Requests are signed with real time.
botocore.credentials.datetime = Module()
botocore.utils.datetime = Module()
botocore.utils.get_current_datetime = Clock.utcnow


def boto3_client():
    import boto3
    session = boto3.session.Session()
    sts = session.client("sts")
    return lambda: (sts.get_caller_identity()["Arn"], session.get_credentials().get_frozen_credentials().access_key)


def cli():
    """A run of the command for each call: only what it left on disk is there the next time."""
    import awscli.clidriver
    driver = awscli.clidriver.create_clidriver()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = driver.main(["sts", "get-caller-identity", "--query", "Arn", "--output", "text"])
    if code != 0:
        raise RuntimeError(err.getvalue().strip())
    return out.getvalue().strip(), driver.session.get_credentials().get_frozen_credentials().access_key


run = cli if os.environ.get("CLI") else boto3_client()
for line in sys.stdin:
    call = json.loads(line)
    try:
        arn, key = run()
        answer = {"arn": arn, "key": key}
    except Exception as e:
        answer = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(answer), flush=True)
