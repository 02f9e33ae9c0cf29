"""The environment in which any AWS program works against this machine, unchanged."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLE = "SageMakerRole"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
FIXES = Path(__file__).parent / "fixes"
# Each of these would lead a client past the door, to AWS or to the user's own profile.
PAST = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
LOOPBACK = "127.0.0.1,localhost"


def variables(environ: Mapping[str, str], *, port: int, region: str) -> dict[str, str | None]:
    """Return the variables to add to a program's environment; None marks one to remove.

    The program gets the credentials of a role, since the SDKs ask which role they run as.
    """
    url = f"http://127.0.0.1:{port}"
    removed = [key for key in environ if key in PAST or key.startswith("AWS_ENDPOINT_URL")]
    keys = credentials(url, region=region)
    path = [str(FIXES), *filter(None, [environ.get("PYTHONPATH")])]
    without = ",".join([*filter(None, [environ.get("NO_PROXY")]), LOOPBACK])
    return {
        **dict.fromkeys(removed),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": without,
        "no_proxy": without,
        "PYTHONPATH": os.pathsep.join(path),
    }


def credentials(url: str, *, region: str) -> dict[str, str]:
    """Assume the box's execution role, which is made when it is not there yet."""
    from stagewire_local.clients import Clients

    clients = Clients(url, region=region)
    try:
        iam, sts = clients.of("iam"), clients.of("sts")
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
        arn = iam.get_role(RoleName=ROLE)["Role"]["Arn"]
        found: Any = sts.assume_role(RoleArn=arn, RoleSessionName="stagewire")
    finally:
        clients.close()
    return {key: str(value) for key, value in found["Credentials"].items()}


def merged(environ: Mapping[str, str], more: Mapping[str, str | None]) -> dict[str, str]:
    """Apply what `variables` names to an environment."""
    whole = {**environ, **more}
    return {key: value for key, value in whole.items() if value is not None}
