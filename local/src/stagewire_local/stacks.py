"""Refuses stacks with SageMaker's resources, which moto would keep to itself and call complete."""

from __future__ import annotations

import re
from typing import Any

from stagewire_local.errors import ACCOUNT

# The parameters of CreateStack, UpdateStack, CreateChangeSet and their like.
BODY, URL = "TemplateBody", "TemplateURL"
UNMADE = re.compile(r"AWS::SageMaker::\w+")


def refusal(form: Any) -> str | None:
    """Say why a request to CloudFormation is refused; None when it may pass."""
    found = UNMADE.search(template(form))
    if found is None:
        return None
    return (
        f"{found[0]} of a stack is not made on this machine; create it by SageMaker's own API "
        "(stagewire deploy, boto3 or an SDK)."
    )


def template(form: Any) -> str:
    """Return a request's template, from S3 where it names one; empty without."""
    from moto.cloudformation.utils import get_stack_from_s3_url

    if form.get(BODY) or not form.get(URL):
        return str(form.get(BODY) or "")
    try:
        return get_stack_from_s3_url(form[URL], account_id=ACCOUNT, partition="aws")
    except Exception:  # noqa: BLE001 (whatever is wrong with the URL, moto answers it in AWS's words)
        return ""
