/**
 * The requests for migrations: which version is served, and their list, creation and removal.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "../../net/https/http_answer.ts";
import { field } from "../../net/https/fields.ts";
import { type ApiResource, discoverApi } from "../apiserver/api_resources.ts";
import { endsRun, refusalSentence } from "../rewrite/object_patch.ts";
import { resourceId } from "../rewrite/object_names.ts";
import { askPatiently, type PatientCall } from "../rewrite/patient_requests.ts";
import {
  migrationGroup,
  migrationResource,
  type MigrationVersion,
  migrationVersions,
  newMigration,
  readMigration,
  type StorageMigration,
} from "./storage_migration.ts";

/** Maximum size of a list in bytes. A migration has some hundred bytes, and a message. */
const maxListBytes = 16 << 20;

/**
 * The version that the API server serves.
 *
 * @throws {KmsError} `config` if it serves none, with the gate and the default way; `unreachable` if the discovery of the
 *   group is refused; and the errors of {@linkcode discoverApi}.
 */
export async function servedMigrationVersion(call: PatientCall): Promise<MigrationVersion> {
  const ask = (request: Parameters<typeof askPatiently>[1]) => askPatiently(call, request, 1);
  const { resources, silent } = await discoverApi(call.client, call, new Set([migrationGroup]), ask);
  const served = resources.find(({ group, name }) => group === migrationGroup && name === migrationResource);
  const version = migrationVersions.find((one) => one === served?.version);
  if (version !== undefined) return version;
  if (silent.has(migrationGroup)) {
    throw new KmsError(
      "unreachable",
      `Cannot ${call.action}: API group ${migrationGroup} does not list its resources.`,
    );
  }
  throw new KmsError(
    "config",
    `The API server at ${call.client.address} serves no StorageVersionMigration in version v1 or v1beta1: before ` +
      "Kubernetes 1.37 start kube-apiserver and kube-controller-manager with --feature-gates=StorageVersionMigrator=true, " +
      `and kube-apiserver with --runtime-config=${migrationGroup}/v1beta1=true; or leave out --by, which sends patches.`,
  );
}

/** Sends the requests for migrations of one version. */
export class MigrationRequests {
  readonly #call: PatientCall;
  readonly #version: MigrationVersion;

  constructor(call: PatientCall, version: MigrationVersion) {
    this.#call = call;
    this.#version = version;
  }

  /**
   * All migrations, those of others included.
   *
   * @throws {KmsError} the error of the answer; `provider_protocol` if it is no list of migrations.
   */
  async list(): Promise<readonly StorageMigration[]> {
    const answer = await askPatiently(this.#call, { method: "GET", path: this.#path(), maxBytes: maxListBytes });
    if (answer.status !== 200) throw this.#errorOf(answer, this.#path());
    const items = field(answer.body, "items");
    const migrations = (Array.isArray(items) ? items : [undefined]).map(readMigration);
    if (migrations.every((one) => one !== undefined)) return migrations;
    throw new KmsError(
      "provider_protocol",
      `Cannot ${this.#call.action}: the API server did not answer a list of migrations.`,
    );
  }

  /**
   * Creates the migration of a resource.
   *
   * @returns the migration; `undefined` if one of its name exists, which an answer that was lost can have created.
   * @throws {KmsError} `permission_denied` and so on; `provider_protocol` for a refusal with its sentence.
   */
  async create(resource: ApiResource, keyLabel: string): Promise<StorageMigration | undefined> {
    const bytes = Buffer.from(JSON.stringify(newMigration(this.#version, resource, keyLabel)));
    const path = `${this.#path()}?fieldManager=trousseau-rewrite`;
    const answer = await askPatiently(this.#call, {
      method: "POST",
      path,
      body: { type: "application/json", bytes },
    });
    if (answer.status === 409) return undefined;
    if (answer.status === 400 || answer.status === 422) throw this.#refused(resource, answer);
    if (answer.status !== 201) throw this.#errorOf(answer, path);
    const made = readMigration(answer.body);
    if (made !== undefined) return made;
    throw new KmsError(
      "provider_protocol",
      `Cannot ${this.#call.action}: the API server did not answer the migration that it created.`,
    );
  }

  /**
   * Removes one migration, and no other one of the same name.
   *
   * @returns `undefined` if it does not exist any more, else the reason of the refusal.
   * @throws {KmsError} if no other one would be removed either: 401, throttled, no connection.
   */
  async remove({ name, uid }: StorageMigration): Promise<string | undefined> {
    const options = { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid } };
    const path = this.#path(name);
    const answer = await askPatiently(this.#call, {
      method: "DELETE",
      path,
      body: { type: "application/json", bytes: Buffer.from(JSON.stringify(options)) },
    });
    if (answer.status === 200 || answer.status === 202 || answer.status === 404) return undefined;
    // Another migration has the name by now.
    if (answer.status === 409) return undefined;
    if (endsRun(answer.status)) throw this.#errorOf(answer, path);
    return refusalSentence(answer);
  }

  #path(name?: string): string {
    const all = `/apis/${migrationGroup}/${this.#version}/${migrationResource}`;
    return name === undefined ? all : `${all}/${encodeURIComponent(name)}`;
  }

  #errorOf(answer: HttpAnswer, path: string): KmsError {
    return this.#call.client.errorOf(answer, path, this.#call.action);
  }

  #refused(resource: ApiResource, answer: HttpAnswer): KmsError {
    return new KmsError(
      "provider_protocol",
      `Cannot ${this.#call.action}: the API server refuses the migration of ${resourceId(resource)}: ` +
        `${refusalSentence(answer)}`,
    );
  }
}
