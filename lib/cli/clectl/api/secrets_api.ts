/**
 * The routes for secrets as functions.
 *
 * @module
 */
import { type FolderPath, type SecretPath, urlPathOf } from "../../../api/keyring/paths.ts";
import type { GeneratorInput } from "../../../api/keyring/generators.ts";
import type {
  ChangeEvent,
  DiffAnswer,
  GeneratedAnswer,
  HistoryAnswer,
  ListAnswer,
  WrittenAnswer,
} from "../../../api/keyring/secret_schemas.ts";
import { withIdleLimit } from "../connection/idle_limit.ts";
import { serverEvents } from "../connection/event_stream.ts";
import { keyringErrorOf } from "../connection/problem_document.ts";
import { wrongForm } from "../connection/shape.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { KeyringClient } from "../connection/client.ts";
import * as answers from "./secret_answers.ts";

/** Labels and expiry of a new secret or version. */
export interface SecretAttributes {
  readonly labels?: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly expiresAt?: string;
}

/** Changes by `patch`. `null` removes. */
export interface PatchOptions {
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly expiresAt?: string | null;
  readonly keptVersions?: number;
}

/** Reads, lists and changes secrets. Each method throws as {@linkcode KeyringClient.json}. */
export class SecretsApi {
  readonly #client: KeyringClient;

  constructor(client: KeyringClient) {
    this.#client = client;
  }

  /** See {@linkcode KeyringClient.credentials}. */
  get credentials(): unknown {
    return this.#client.credentials;
  }

  read(path: SecretPath, version?: number, field?: string): Promise<answers.SecretWithValues> {
    const query = { version: version?.toString(), field };
    return this.#client.json({ method: "GET", path: `secrets/${urlPathOf(path)}`, query }, answers.readSecretOf);
  }

  history(path: SecretPath): Promise<HistoryAnswer> {
    return this.#client.json({ method: "GET", path: `history/${urlPathOf(path)}` }, answers.historyAnswerOf);
  }

  diff(path: SecretPath, from: number, to: number): Promise<DiffAnswer> {
    const query = { from: String(from), to: String(to) };
    return this.#client.json({ method: "GET", path: `diff/${urlPathOf(path)}`, query }, answers.diffOf);
  }

  /** All entries of one level, page by page. */
  async *list(folder: FolderPath): AsyncGenerator<ListAnswer["entries"][number]> {
    let after: string | undefined;
    do {
      const call = { method: "GET", path: `list/${urlPathOf(folder)}`, query: { after } } as const;
      const { entries, more } = await this.#client.json(call, answers.listAnswerOf);
      yield* entries;
      // A page without an entry has no place to go on from.
      after = more ? entries.at(-1)?.path : undefined;
    } while (after !== undefined);
  }

  /** All secrets below a folder, at any depth. */
  async *listAll(folder: FolderPath): AsyncGenerator<ListAnswer["entries"][number]> {
    for await (const entry of this.list(folder)) {
      if (entry.path.endsWith("/")) yield* this.listAll(entry.path as FolderPath);
      else yield entry;
    }
  }

  /** Several secrets, in the order of their paths. A server limits the number of paths and the size of an answer. */
  async readMany(paths: readonly SecretPath[]): Promise<readonly answers.ReadResult[]> {
    const results: answers.ReadResult[] = [];
    for (let at = 0; at < paths.length; at += readAtOnce) {
      results.push(...await this.#readPart(paths.slice(at, at + readAtOnce)));
    }
    return results;
  }

  async #readPart(paths: readonly SecretPath[]): Promise<readonly answers.ReadResult[]> {
    try {
      const call = { method: "POST", path: "read", body: JSON.stringify({ paths }), reads: true } as const;
      return await this.#client.json(call, answers.readResultsOf);
    } catch (thrown) {
      const isTooLarge = thrown instanceof KeyringError && thrown.code === "too_large" && paths.length > 1;
      if (!isTooLarge) throw thrown;
      const half = Math.ceil(paths.length / 2);
      return [...await this.#readPart(paths.slice(0, half)), ...await this.#readPart(paths.slice(half))];
    }
  }

  /**
   * Changes below a folder, from now on, until the server or the command ends the stream. `undefined` comes first, when
   * the stream is open.
   */
  async *watch(folder: FolderPath): AsyncGenerator<ChangeEvent | undefined> {
    const call = { method: "GET", path: `watch/${urlPathOf(folder)}` } as const;
    using answer = await this.#client.open(call, "text/event-stream");
    yield undefined;
    for await (const { type, data } of serverEvents(withIdleLimit(answer.chunks, idleMs))) {
      if (type === "change") yield answers.changeOf(eventJson(data), "the event");
      const problem = type === "end" ? keyringErrorOf(eventJson(data)) : undefined;
      if (problem !== undefined) throw problem;
    }
  }

  /** @param fields a JSON object, as `fieldsText()` writes it. */
  create(path: SecretPath, fields: string, attributes: SecretAttributes, cas?: number): Promise<WrittenAnswer> {
    const body = withFields(fields, attributes);
    return this.#write("POST", `secrets/${urlPathOf(path)}`, body, answers.writtenOf, cas);
  }

  update(path: SecretPath, fields: string, attributes: SecretAttributes, cas?: number): Promise<WrittenAnswer> {
    const body = withFields(fields, attributes);
    return this.#write("PUT", `secrets/${urlPathOf(path)}`, body, answers.writtenOf, cas);
  }

  patch(path: SecretPath, fields: string | undefined, changes: PatchOptions, cas?: number): Promise<WrittenAnswer> {
    const body = fields === undefined ? JSON.stringify(changes) : withFields(fields, changes);
    return this.#write("PATCH", `secrets/${urlPathOf(path)}`, body, answers.writtenOf, cas);
  }

  generate(
    path: SecretPath,
    field: string,
    generator: GeneratorInput,
    attributes: SecretAttributes,
    cas?: number,
  ): Promise<GeneratedAnswer> {
    const body = JSON.stringify({ field, generator, ...attributes });
    return this.#write("POST", `generate/${urlPathOf(path)}`, body, answers.generatedOf, cas);
  }

  delete(path: SecretPath, versions: readonly number[] | undefined, cas?: number): Promise<WrittenAnswer> {
    const query = versions === undefined ? "" : `?versions=${versions.join(",")}`;
    return this.#write("DELETE", `secrets/${urlPathOf(path)}${query}`, undefined, answers.writtenOf, cas);
  }

  undelete(path: SecretPath, versions: readonly number[] | undefined, cas?: number): Promise<WrittenAnswer> {
    const body = JSON.stringify({ versions });
    return this.#write("POST", `undelete/${urlPathOf(path)}`, body, answers.writtenOf, cas);
  }

  destroy(path: SecretPath, versions: readonly number[], cas?: number): Promise<WrittenAnswer> {
    const body = JSON.stringify({ versions });
    return this.#write("POST", `destroy/${urlPathOf(path)}`, body, answers.writtenOf, cas);
  }

  move(from: SecretPath, to: SecretPath, cas?: number): Promise<WrittenAnswer> {
    return this.#write("POST", "move", JSON.stringify({ from, to }), answers.writtenOf, cas);
  }

  /** @param items JSON objects with `path` and `fields`. */
  import(items: readonly string[], dryRun: boolean): Promise<answers.ImportOutcome> {
    const body = `{"items":[${items.join(",")}],"dryRun":${dryRun}}`;
    return this.#client.json({ method: "POST", path: "import", body, timeoutMs: importMs }, answers.importResultOf);
  }

  #write<T>(
    method: "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    body: string | undefined,
    read: (value: unknown, place: string) => T,
    cas: number | undefined,
  ): Promise<T> {
    const sent = body === undefined ? {} : { body };
    const ifMatch = cas === undefined ? {} : { ifMatch: cas };
    return this.#client.json({ method, path, idempotent: true, ...sent, ...ifMatch }, read);
  }
}

/** Milliseconds for an import: 100,000 secrets are written in many transactions. */
const importMs = 1_800_000;

/** Milliseconds without a byte after which a stream counts as broken. A server sends a comment every ten seconds. */
const idleMs = 60_000;

/** Paths of one request for several secrets. */
const readAtOnce = 100;

/** @throws {KmsError} `provider_protocol` */
function eventJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw wrongForm("the event", "JSON");
  }
}

function withFields(fields: string, rest: object): string {
  const others = JSON.stringify(rest);
  return others === "{}" ? `{"fields":${fields}}` : `{"fields":${fields},${others.slice(1)}`;
}
