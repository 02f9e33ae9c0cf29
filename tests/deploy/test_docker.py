"""The deploy path with the driver `docker`: the project's own images, pushed, deployed, killed."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.containers
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def containers(box):
    """Return the containers of the only endpoint, as `local status` has them."""
    (endpoint,) = json.loads(box.local("status", "--json").stdout)["endpoints"]
    return [
        each
        for variant in endpoint["variants"]
        for instance in variant["instances"]
        for each in instance["containers"]
    ]


@pytest.fixture
def running(engine):
    """Give what lists a box's containers in the engine."""

    def listed(box):
        chosen = {"label": f"stagewire.local.door=door-{box.port}"}
        return engine.containers.list(filters=chosen, ignore_removed=True)

    return listed


def test_what_was_pushed_is_what_is_deployed(docker_box, program, engine, running, left):
    """The model has ECR's URIs by content, the engine runs those images, and nothing is left."""
    tags = {tag for each in engine.images.list() for tag in each.tags}
    before = docker_box.everything()

    program.good(docker_box, "push")
    program.good(docker_box, "deploy", "--name", "pushed", "--client", "boto3")
    sagemaker = docker_box.client("sagemaker")
    (model,) = sagemaker.list_models(NameContains="pushed")["Models"]
    uris = [
        each["Image"]
        for each in sagemaker.describe_model(ModelName=model["ModelName"])["Containers"]
    ]
    ids = {each.image.id for each in running(docker_box)}
    answers = program.predicted(docker_box, "pushed")
    program.good(docker_box, "delete", "pushed")

    wanted = [engine.images.get(f"stagewire/{room}").id for room in ("featurizer", "predictor")]
    assert uris == [
        f"{REGISTRY}/stagewire/{room}:{found.removeprefix('sha256:')[:12]}"
        for room, found in zip(("featurizer", "predictor"), wanted, strict=True)
    ]
    assert ids == set(wanted)
    assert all(1 < each < 30 for each in answers)
    assert docker_box.everything() == before
    assert left(docker_box) == []
    assert not {tag for each in engine.images.list() for tag in each.tags if REGISTRY in tag} - tags


def test_pushing_again_changes_nothing(docker_box, program):
    """The repository has one image, under its content's tag and as the latest."""
    first = program.good(docker_box, "push").splitlines()[-2:]
    second = program.good(docker_box, "push").splitlines()

    images = docker_box.client("ecr").list_images(repositoryName="stagewire/predictor")["imageIds"]

    assert second == first
    assert len({each["imageDigest"] for each in images}) == 1
    assert {each["imageTag"] for each in images} == {second[-1].rpartition(":")[2], "latest"}


def test_a_push_to_a_box_that_is_gone_is_forgotten(docker_box, program):
    """A record of images that the registry does not have leads to those of the engine."""
    program.good(docker_box, "push")
    record = program.out / "push.json"
    told = json.loads(record.read_text())
    (place,) = told
    told[place] = {stage: f"{uri[:-1]}x" for stage, uri in told[place].items()}
    record.write_text(json.dumps(told))

    program.good(docker_box, "deploy", "--name", "again", "--client", "boto3")
    answers = program.predicted(docker_box, "again")
    program.good(docker_box, "delete", "again")

    assert all(1 < each < 30 for each in answers)


@pytest.mark.usefixtures("images")
def test_a_box_from_up_to_down(boxes, program, running, left, until):
    """Deployed, asked, shown, killed, healed, asked again with the same answers, and taken down."""
    with boxes("--driver", "docker") as box:
        program.good(box, "deploy", "--name", "whole", "--client", "boto3")
        answers = program.predicted(box, "whole")
        table = box.local("status").stdout
        lines = box.local("logs", "whole", "--container", "predictor").stdout
        urls = [each["url"] for each in containers(box)]
        victim = running(box)[0]
        victim.kill()
        # The engine tells nobody outside when an instance is whole again.
        until(lambda: healed(containers(box), victim, running(box)), what="the instance healed")
        again = program.predicted(box, "whole")

    assert [
        word for word in ("whole", "InService", "predictor", "healthy") if word not in table
    ] == []
    assert "whole-1/predictor | " in lines
    assert all(url.startswith("http://127.0.0.1:") for url in urls)
    assert again == answers
    assert left(box) == []


def healed(shown, victim, running):
    """Tell whether all containers are healthy, and the one that was killed is not among them."""
    return all(each["healthy"] for each in shown) and victim.id not in {each.id for each in running}
