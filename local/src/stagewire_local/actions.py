"""The operations of the control plane that this machine has, each from its request to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagewire_local import configs, endpoints, models
from stagewire_local.deployment import Deployment
from stagewire_local.faults import NotImplementedHere, ValidationException
from stagewire_local.listing import listed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from stagewire_local.catalog import Catalog, Record
    from stagewire_local.driver import Driver
    from stagewire_local.host import Host
    from stagewire_local.registry import Registry
    from stagewire_local.source import Source

    Answer = dict[str, Any]
    Operation = Callable[["Actions", Mapping[str, Any]], Awaitable[Answer]]


class Actions:
    """Everything between a request that has the right shape and the host."""

    def __init__(
        self, catalog: Catalog, *, registry: Registry, host: Host, driver: Driver, source: Source
    ) -> None:
        self._catalog = catalog
        self._registry = registry
        self._host = host
        self._driver = driver
        self._source = source

    async def call(self, operation: str, request: Mapping[str, Any]) -> Answer:
        """Do one operation; shapes are checked already. Raises ControlFault."""
        if operation not in OPERATIONS:
            raise NotImplementedHere(f"{operation} is not implemented on this machine.")
        return await OPERATIONS[operation](self, request)

    async def create_model(self, request: Mapping[str, Any]) -> Answer:
        """Keep a model whose data is there."""
        models.check(request)
        for container in models.containers(request):
            where = models.url(container)
            form = models.form(container)
            if where is not None and not await self._source.has(where, form=form):
                raise ValidationException(f"Could not find model data at {where}.")
        record = self._catalog.models.add(request["ModelName"], request)
        return {"ModelArn": self._tagged(record)}

    async def describe_model(self, request: Mapping[str, Any]) -> Answer:
        """Return it as it was given, with its defaults."""
        found = shown(self._catalog.models.find(request["ModelName"]), "ModelArn")
        return {"EnableNetworkIsolation": False, **found}

    async def list_models(self, request: Mapping[str, Any]) -> Answer:
        """List models."""
        rows = [line(each, "Model") for each in self._catalog.models.all()]
        return listed(rows, request, noun="Models", name="ModelName")

    async def delete_model(self, request: Mapping[str, Any]) -> Answer:
        """Forget it; endpoints made of it keep running."""
        self._catalog.forget(self._catalog.models.remove(request["ModelName"]).arn)
        return {}

    async def create_config(self, request: Mapping[str, Any]) -> Answer:
        """Keep an endpoint configuration."""
        configs.check(request, known=self._catalog.models)
        record = self._catalog.configs.add(request["EndpointConfigName"], request)
        return {"EndpointConfigArn": self._tagged(record)}

    async def describe_config(self, request: Mapping[str, Any]) -> Answer:
        """Return it as it was given, with its defaults."""
        record = self._catalog.configs.find(request["EndpointConfigName"])
        variants = [
            {"InitialVariantWeight": 1.0, **each} for each in configs.variants(record.given)
        ]
        return {**shown(record, "EndpointConfigArn"), "ProductionVariants": variants}

    async def list_configs(self, request: Mapping[str, Any]) -> Answer:
        """List endpoint configurations."""
        rows = [line(each, "EndpointConfig") for each in self._catalog.configs.all()]
        return listed(rows, request, noun="EndpointConfigs", name="EndpointConfigName")

    async def delete_config(self, request: Mapping[str, Any]) -> Answer:
        """Forget it; endpoints made of it keep running."""
        self._catalog.forget(self._catalog.configs.remove(request["EndpointConfigName"]).arn)
        return {}

    async def create_endpoint(self, request: Mapping[str, Any]) -> Answer:
        """Start its instances; the answer does not wait for them."""
        config = self._catalog.configs.find(request["EndpointConfigName"]).given
        plans = configs.plans(config, known=self._catalog.models)
        self._forget_gone()
        wanted = request.get("DeploymentConfig") or {}
        Deployment.of(wanted)  # it is kept for updates that ask for the last one
        record = self._catalog.endpoints.add(request["EndpointName"], request)
        endpoint = self._host.open(record.name, plans, driver=self._driver, settings=config)
        endpoint.deployment = wanted
        return {"EndpointArn": self._tagged(record)}

    async def describe_endpoint(self, request: Mapping[str, Any]) -> Answer:
        """Say how it is."""
        record = self._endpoint(request)
        return endpoints.described(self._registry.find(record.name), arn=record.arn)

    async def list_endpoints(self, request: Mapping[str, Any]) -> Answer:
        """List endpoints in any state."""
        self._forget_gone()
        rows = [
            endpoints.summary(self._registry.find(each.name), arn=each.arn)
            for each in self._catalog.endpoints.all()
        ]
        return listed(rows, request, noun="Endpoints", name="EndpointName")

    async def delete_endpoint(self, request: Mapping[str, Any]) -> Answer:
        """Stop its instances; the answer does not wait for that."""
        record = self._endpoint(request)
        endpoints.steady(self._registry.find(record.name), arn=record.arn)
        self._host.remove(record.name)
        return {}

    async def update_endpoint(self, request: Mapping[str, Any]) -> Answer:
        """Start new instances, and stop the old ones when the new are healthy."""
        record = self._endpoint(request)
        endpoint = self._registry.find(record.name)
        config = self._catalog.configs.find(request["EndpointConfigName"]).given
        plans = configs.plans(config, known=self._catalog.models)
        wanted = request.get("DeploymentConfig") or {}
        if request.get("RetainDeploymentConfig"):
            wanted = endpoint.deployment
        deployment = Deployment.of(wanted)
        endpoints.updatable(endpoint, arn=record.arn)
        if request.get("RetainAllVariantProperties"):
            excluded = {
                each["VariantPropertyType"]
                for each in request.get("ExcludeRetainedVariantProperties") or []
            }
            plans = endpoints.retained(plans, endpoint=endpoint, excluded=excluded)
        endpoint.deployment = wanted
        self._host.update(record.name, plans, settings=config, deployment=deployment)
        return {"EndpointArn": record.arn}

    async def scale_endpoint(self, request: Mapping[str, Any]) -> Answer:
        """Change weights and numbers of instances."""
        record = self._endpoint(request)
        endpoint = self._registry.find(record.name)
        endpoints.updatable(endpoint, arn=record.arn)
        changes = endpoints.changes(request["DesiredWeightsAndCapacities"], endpoint=endpoint)
        self._host.scale(record.name, changes)
        return {"EndpointArn": record.arn}

    async def add_tags(self, request: Mapping[str, Any]) -> Answer:
        """Add tags to a model, a configuration or an endpoint."""
        self._catalog.tags(request["ResourceArn"])
        self._catalog.tag(request["ResourceArn"], request["Tags"])
        return {"Tags": self._catalog.tags(request["ResourceArn"])}

    async def list_tags(self, request: Mapping[str, Any]) -> Answer:
        """List tags."""
        return {"Tags": self._catalog.tags(request["ResourceArn"])}

    async def delete_tags(self, request: Mapping[str, Any]) -> Answer:
        """Remove tags."""
        self._catalog.untag(request["ResourceArn"], request["TagKeys"])
        return {}

    def _tagged(self, record: Record) -> str:
        self._catalog.tag(record.arn, record.given.get("Tags") or [])
        return record.arn

    def _endpoint(self, request: Mapping[str, Any]) -> Record:
        self._forget_gone()
        return self._catalog.endpoints.find(request["EndpointName"])

    def _forget_gone(self) -> None:
        """Forget the endpoints whose deletion has ended meanwhile."""
        alive = {each.name for each in self._registry.all()}
        for record in self._catalog.endpoints.all():
            if record.name not in alive:
                self._catalog.forget(self._catalog.endpoints.remove(record.name).arn)


def shown(record: Record, arn: str) -> Answer:
    """Write what a Describe operation answers: what was given, without the tags."""
    given = {key: value for key, value in record.given.items() if key != "Tags"}
    return {**given, arn: record.arn, "CreationTime": record.created}


def line(record: Record, noun: str) -> Answer:
    """Write the line of a List operation."""
    return {
        f"{noun}Name": record.name,
        f"{noun}Arn": record.arn,
        "CreationTime": record.created,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateModel": Actions.create_model,
    "DescribeModel": Actions.describe_model,
    "ListModels": Actions.list_models,
    "DeleteModel": Actions.delete_model,
    "CreateEndpointConfig": Actions.create_config,
    "DescribeEndpointConfig": Actions.describe_config,
    "ListEndpointConfigs": Actions.list_configs,
    "DeleteEndpointConfig": Actions.delete_config,
    "CreateEndpoint": Actions.create_endpoint,
    "DescribeEndpoint": Actions.describe_endpoint,
    "ListEndpoints": Actions.list_endpoints,
    "DeleteEndpoint": Actions.delete_endpoint,
    "UpdateEndpoint": Actions.update_endpoint,
    "UpdateEndpointWeightsAndCapacities": Actions.scale_endpoint,
    "AddTags": Actions.add_tags,
    "ListTags": Actions.list_tags,
    "DeleteTags": Actions.delete_tags,
}
