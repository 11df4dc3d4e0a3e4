/**
 * The types of the handlers of native routes, from the rows of their table.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import type { OperationId, routes } from "../../../api/keyring/routes.ts";
import type { OperationCall, OperationResult } from "./operation.ts";

type Row<Id extends OperationId> = (typeof routes)[Id];

type PathOf<Template extends string> = Template extends `${string}{path}` ? SecretPath
  : Template extends `${string}{folder}` ? FolderPath
  : Template extends `${string}{id}` ? string
  : undefined;

type Output<Schema> = Schema extends z.ZodMiniType ? z.output<Schema> : undefined;

type QueryOf<Columns> = Columns extends { readonly query: infer Schema } ? Output<Schema> : undefined;

type BodyOf<Columns> = Columns extends { readonly body: infer Schema } ? Output<Schema> : undefined;

/** A call of a native route. */
export type NativeCall<Id extends OperationId> = OperationCall<
  PathOf<Row<Id>["path"]>,
  QueryOf<Row<Id>>,
  BodyOf<Row<Id>>
>;

/** The work of a native route. */
export type NativeHandler<Id extends OperationId> = (call: NativeCall<Id>) => Promise<OperationResult>;

/** The handlers of some routes. */
export type NativeHandlers<Id extends OperationId> = { readonly [Each in Id]: NativeHandler<Each> };
