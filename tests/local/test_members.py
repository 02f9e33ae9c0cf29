"""Members of requests that change what runs: each is obeyed or refused by its name."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from stagewire_local.actions import Actions
from stagewire_local.catalog import Catalog
from stagewire_local.chain import Chain
from stagewire_local.client import Client
from stagewire_local.driver import Address, ContainerSpec
from stagewire_local.faults import NotImplementedHere, ValidationException
from stagewire_local.fixed import FixedDriver
from stagewire_local.health import Health
from stagewire_local.host import Host
from stagewire_local.limits import Limits
from stagewire_local.plan import Plan
from stagewire_local.registry import Registry
from stagewire_local.runtime import Runtime

pytestmark = pytest.mark.anyio
LARGE = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 2}}


class Plane:
    """The control plane over containers at one URL, past the wire."""

    def __init__(self, actions, host, registry, url):
        self.actions = actions
        self.host = host
        self.registry = registry
        self.url = url

    async def call(self, operation, **request):
        """Do one operation."""
        return await self.actions.call(operation, request)

    async def config(self, name="c", *, more=None, image=None, **members):
        """Create a model and a configuration of one variant."""
        container = {"Image": image or self.url}
        await self.call("CreateModel", ModelName=name, PrimaryContainer=container)
        variant = {"VariantName": "v", "ModelName": name, **members}
        await self.call(
            "CreateEndpointConfig",
            EndpointConfigName=name,
            ProductionVariants=[variant],
            **(more or {}),
        )

    async def endpoint(self, name="e", config="c"):
        """Create an endpoint and wait until it has come to rest."""
        await self.call("CreateEndpoint", EndpointName=name, EndpointConfigName=config)
        await self.host.settled(name)

    async def scale(self, **wanted):
        """Ask for another size of the endpoint's variant."""
        await self.call(
            "UpdateEndpointWeightsAndCapacities",
            EndpointName="e",
            DesiredWeightsAndCapacities=[{"VariantName": "v", **wanted}],
        )

    async def variant(self):
        """Describe the endpoint's variant."""
        [found] = (await self.call("DescribeEndpoint", EndpointName="e"))["ProductionVariants"]
        return found


@asynccontextmanager
async def planed(url):
    """Give a control plane whose containers are at a URL."""
    registry, driver, limits = Registry(), FixedDriver(), Limits(start_seconds=1)
    async with Client() as client:
        host = Host(registry, health=Health(client=client, limits=limits), limits=limits)
        actions = Actions(
            Catalog(region="us-east-1"), registry=registry, host=host, driver=driver, source=None
        )
        yield Plane(actions, host, registry, url)
        await host.close()


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        (
            {**LARGE, "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 2}},
            NotImplementedHere,
            "ManagedInstanceScaling of variant v",
        ),
        (
            {**LARGE, "RoutingConfig": {"RoutingStrategy": "KV_AWARE"}},
            NotImplementedHere,
            "RoutingStrategy KV_AWARE of variant v",
        ),
        (
            {"InstancePools": [{"InstanceType": "ml.m5.large"}]},
            NotImplementedHere,
            "InstancePools of variant v",
        ),
        (
            {"ServerlessConfig": {**SERVERLESS["ServerlessConfig"], "ProvisionedConcurrency": 3}},
            ValidationException,
            "ProvisionedConcurrency of variant v must not exceed its MaxConcurrency",
        ),
    ],
)
async def test_what_would_be_without_effect_is_refused_by_its_name(members, error, message):
    """Accepted in silence, it would look as if it had worked."""
    async with planed("http://127.0.0.1:1") as plane:
        with pytest.raises(error, match=message):
            await plane.config(**members)


async def test_scaling_that_is_off_and_chance_are_what_there_is_anyway():
    """Their defaults, said aloud."""
    off = {"ManagedInstanceScaling": {"Status": "DISABLED"}}
    async with planed("http://127.0.0.1:1") as plane:
        await plane.config(**LARGE, **off, RoutingConfig={"RoutingStrategy": "RANDOM"})

        assert await plane.call("DescribeEndpointConfig", EndpointConfigName="c")


async def test_results_of_asynchronous_requests_need_a_place():
    """Else the endpoint would be InService and every request an error."""
    async with planed("http://127.0.0.1:1") as plane:
        with pytest.raises(ValidationException, match=r"OutputConfig\.S3OutputPath is required"):
            await plane.config(**LARGE, more={"AsyncInferenceConfig": {"OutputConfig": {}}})


@pytest.mark.parametrize(
    ("config", "chosen"),
    [({}, ["p-1", "p-2", "p-3"]), ({"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}, ["p-2"] * 3)],
)
def test_requests_may_go_where_the_fewest_are(config, chosen):
    """LEAST_OUTSTANDING_REQUESTS looks; without it instances have their turns."""
    spec = ContainerSpec(hostname="primary", image="x")
    names = iter(["p-1", "p-2", "p-3"])
    variant = Plan(specs=[spec], count=3, settings={"RoutingConfig": config}).variant(
        lambda: next(names)
    )
    for number, (instance, busy) in enumerate(zip(variant.instances, (2, 0, 1), strict=True)):
        instance.busy = busy
        instance.containers[0].address = Address(instance.id, number)
        instance.containers[0].healthy = True

    assert [variant.route()[0].address.host for _ in range(3)] == chosen


async def test_a_serverless_variant_takes_another_concurrency(stubs, stub):
    """ServerlessUpdateConfig is in force when the endpoint is InService again."""
    [one] = stubs(stub())
    async with planed(one.url) as plane:
        await plane.config(**SERVERLESS)
        await plane.endpoint()

        with pytest.raises(ValidationException, match="must not exceed its MaxConcurrency"):
            await plane.scale(ServerlessUpdateConfig={"ProvisionedConcurrency": 3})
        await plane.scale(ServerlessUpdateConfig={"MaxConcurrency": 20})
        during = await plane.variant()
        await plane.host.settled("e")
        after = await plane.variant()

    assert during["DesiredServerlessConfig"]["MaxConcurrency"] == 20
    assert during["CurrentServerlessConfig"]["MaxConcurrency"] == 2
    assert after["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 20}


async def test_a_variant_with_instances_has_no_concurrency(stubs, stub):
    """ServerlessUpdateConfig is refused."""
    [one] = stubs(stub())
    async with planed(one.url) as plane:
        await plane.config(**LARGE)
        await plane.endpoint()

        with pytest.raises(ValidationException, match="Variant v is not serverless"):
            await plane.scale(ServerlessUpdateConfig={"MaxConcurrency": 20})


async def test_the_door_is_well_while_its_endpoint_is_updated(stubs, stub):
    """Requests are answered all the while, and so is GET /ping, by which others judge."""
    [one] = stubs(stub())
    async with planed(one.url) as plane, Client() as client:
        await plane.config(**LARGE)
        await plane.endpoint()
        runtime = Runtime(plane.registry, chain=Chain(client=client, limits=Limits()))
        caller = httpx.AsyncClient(transport=httpx.ASGITransport(runtime), base_url="http://door")

        await plane.scale(DesiredInstanceCount=2)
        state = (await plane.call("DescribeEndpoint", EndpointName="e"))["EndpointStatus"]
        async with caller:
            found = await caller.get("/ping")

    assert state == "Updating"
    assert found.status_code == 200


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_wanted_shows_while_it_is_made(stubs, stub, fails):
    """Desired beside Current; a change that fails is wanted no more."""
    [one] = stubs(stub())
    async with planed(one.url) as plane:
        await plane.config(**LARGE)
        await plane.endpoint()
        one.ping = 503 if fails else 200

        await plane.scale(DesiredInstanceCount=2, DesiredWeight=5)
        during = await plane.variant()
        await plane.host.settled("e")
        after = await plane.variant()

    assert (during["CurrentInstanceCount"], during["DesiredInstanceCount"]) == (1, 2)
    assert (during["CurrentWeight"], during["DesiredWeight"]) == (1, 5)
    assert after["CurrentInstanceCount"] == after["DesiredInstanceCount"] == (1 if fails else 2)
    assert after["CurrentWeight"] == after["DesiredWeight"] == (1 if fails else 5)


async def test_an_endpoint_that_failed_cannot_be_updated(stubs, stub):
    """It is deleted and created anew."""
    [one] = stubs(stub())
    async with planed(one.url) as plane:
        await plane.config("bad", image="http://", **LARGE)
        await plane.config("good", **LARGE)
        await plane.endpoint(config="bad")

        with pytest.raises(ValidationException, match=r"Cannot update endpoint .*: it is Failed"):
            await plane.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="good")


async def test_containers_of_a_pipeline_start_all_at_once():
    """None waits for the one before it: a driver that starts neither before both were asked for."""

    class Together(FixedDriver):
        """Starts a container when another one is about to start too."""

        def __init__(self):
            self.both = asyncio.Barrier(2)

        async def start(self, spec):
            """Wait for the other."""
            await self.both.wait()
            return await super().start(spec)

    specs = [ContainerSpec(hostname=name, image="http://127.0.0.1:1") for name in "ab"]
    limits = Limits(start_seconds=0)
    async with Client() as client:
        host = Host(Registry(), health=Health(client=client, limits=limits), limits=limits)
        endpoint = host.create("e", specs, driver=Together())
        await host.settled("e")
        reason = endpoint.failure_reason
        await host.close()

    assert "The a container" in reason
    assert "The b container" in reason


async def test_names_that_differ_only_in_case_are_one():
    """Their ARN is the same."""
    async with planed("http://127.0.0.1:1") as plane:
        await plane.config("Name", **LARGE)

        with pytest.raises(ValidationException, match=r'existing model ".*:model/name"'):
            await plane.call("CreateModel", ModelName="NAME", PrimaryContainer={"Image": "x"})


async def test_defaults_are_described():
    """Code that reads them need not ask whether they are there."""
    async with planed("http://127.0.0.1:1") as plane:
        await plane.config(**LARGE)

        model = await plane.call("DescribeModel", ModelName="c")
        config = await plane.call("DescribeEndpointConfig", EndpointConfigName="c")

    assert model["EnableNetworkIsolation"] is False
    assert config["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
