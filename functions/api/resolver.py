"""The resolver, which also tells its routes: the OpenAPI document and `Allow` follow from them."""

from __future__ import annotations

from collections.abc import Iterator

from aws_lambda_powertools.event_handler import APIGatewayRestResolver


class Resolver(APIGatewayRestResolver):
    def routes(self) -> Iterator[tuple[str, str]]:
        """Method and path of each route, parameters in braces as in the template: `GET`, `/jobs/{job_id}`."""
        for route in (*self._static_routes, *self._dynamic_routes):
            yield route.method, route.path.replace("<", "{").replace(">", "}")

    def methods_of(self, path: str) -> list[str]:
        """The methods that a path takes, sorted; none when there is no such path."""
        return sorted(
            {route.method for route in (*self._static_routes, *self._dynamic_routes) if route.rule.match(path)}
        )
