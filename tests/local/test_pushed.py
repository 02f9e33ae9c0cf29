"""What was pushed is found by its URI in the box's ECR."""

from __future__ import annotations

import json

import pytest

from stagewire_local.clients import Clients
from stagewire_local.pushed import Pushed

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
ID = "sha256:" + "ab" * 32
TYPE = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture(scope="module")
def pushed(box):
    """Give the mapping, one image being there under two tags."""
    ecr = box.client("ecr")
    ecr.create_repository(repositoryName="a/stage")
    manifest = json.dumps({"mediaType": TYPE, "config": {"digest": ID}})
    for tag in ("1", "latest"):
        ecr.put_image(repositoryName="a/stage", imageManifest=manifest, imageTag=tag)
    odd = json.dumps({"mediaType": TYPE, "manifests": []})
    ecr.put_image(repositoryName="a/stage", imageManifest=odd, imageTag="odd")
    clients = Clients(box.url, region="us-east-1")
    yield Pushed(clients)
    clients.close()
    ecr.delete_repository(repositoryName="a/stage", force=True)


@pytest.mark.parametrize("name", ["a/stage:1", "a/stage:latest", "a/stage"])
def test_a_uri_leads_to_the_engines_id(pushed, name):
    """By tag, or by the tag that Docker assumes."""
    assert pushed[f"{REGISTRY}/{name}"] == ID


def test_a_uri_by_digest_leads_there_too(pushed, box):
    """As ECR itself names images."""
    (found,) = box.client("ecr").batch_get_image(
        repositoryName="a/stage", imageIds=[{"imageTag": "1"}]
    )["images"]

    assert pushed[f"{REGISTRY}/a/stage@{found['imageId']['imageDigest']}"] == ID


@pytest.mark.parametrize("name", ["a/stage:2", "a/other:1", "a/stage:odd", "a/stage@sha256:00"])
def test_what_was_not_pushed_is_not_there(pushed, name):
    """A tag, a repository, a manifest without a config, a digest."""
    assert f"{REGISTRY}/{name}" not in pushed


def test_another_name_asks_nobody():
    """An image of the engine has no registry to be asked."""
    nowhere = Pushed(Clients("http://127.0.0.1:1", region="us-east-1"))

    assert nowhere.get("stagewire/featurizer:latest") is None


def test_all_that_was_pushed_can_be_listed(pushed):
    """Each tag is a name of its own."""
    mine = {uri for uri in pushed if "/a/stage:" in uri}

    assert mine == {f"{REGISTRY}/a/stage:{tag}" for tag in ("1", "latest", "odd")}
    assert len(pushed) >= len(mine)
