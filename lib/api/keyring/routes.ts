/**
 * All native routes. Authorization, audit and the OpenAPI document are made from this table.
 *
 * @module
 */
import { identityRoutes } from "./identity_routes.ts";
import type { RouteRow } from "./route.ts";
import { secretRoutes } from "./secret_routes.ts";
import { systemRoutes } from "./system_routes.ts";

/** The start of the path of each route. */
export const apiPrefix = "/api/v1/";

/** All routes by the ID of the operation. */
export const routes = { ...secretRoutes, ...identityRoutes, ...systemRoutes } as const satisfies Readonly<
  Record<string, RouteRow>
>;

/** ID of an operation of {@linkcode routes}. */
export type OperationId = keyof typeof routes;
