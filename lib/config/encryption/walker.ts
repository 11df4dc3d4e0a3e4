/**
 * The fields of an EncryptionConfiguration, with the rules of kube-apiserver 1.36 for their values.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { nearest } from "../../base/nearest.ts";
import type { FieldPath, Position } from "../../base/yaml_positions.ts";
import { pathText, type Problems } from "../problems.ts";
import { isAbstract, pathOfEndpoint } from "../socket_path.ts";
import type { EncryptionEntry, EncryptionProvider } from "./entries.ts";

type Fields = Readonly<Record<string, unknown>>;

const kinds = ["aescbc", "aesgcm", "secretbox", "identity", "kms"] as const;

/** Permitted lengths of keys in bytes. */
const keyLengths = { aescbc: [16, 24, 32], aesgcm: [16, 24, 32], secretbox: [32] } as const;

/** `EncryptionConfig` of `v1` is an old name of the same type. */
const types = [
  { apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration" },
  { apiVersion: "v1", kind: "EncryptionConfig" },
] as const;

/** A duration in Go's syntax. */
const goDuration = /^\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;

/** Base64 with padding, as Go's standard encoding reads it; that encoding ignores line breaks. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Walks through a file, collects its problems, and returns its valid parts. */
export class Walker {
  readonly #problems: Problems;
  readonly #positionOf: (path: FieldPath) => Position;
  readonly #kmsNames = new Set<string>();
  /** Sentences about keys that kube-apiserver does not accept; this program only copies keys. */
  readonly doubts: string[] = [];

  constructor(problems: Problems, positionOf: (path: FieldPath) => Position) {
    this.#problems = problems;
    this.#positionOf = positionOf;
  }

  /** The entries of the whole file. */
  file(value: unknown): EncryptionEntry[] {
    const root = this.#mapping(value, [], ["apiVersion", "kind", "resources"]);
    if (root === undefined) return [];
    if (!types.some(({ apiVersion, kind }) => root.apiVersion === apiVersion && root.kind === kind)) {
      const { apiVersion, kind } = types[0];
      this.#problems.at(["kind"], `must be ${kind} with apiVersion ${apiVersion}`);
    }
    return this.#list(root.resources, ["resources"]).map((entry, index) => this.#entry(entry, ["resources", index]));
  }

  #entry(value: unknown, path: FieldPath): EncryptionEntry {
    const fields = this.#mapping(value, path, ["resources", "providers"]);
    if (fields === undefined) return { resources: [], providers: [] };
    const names = this.#list(fields.resources, [...path, "resources"]);
    const providers = this.#list(fields.providers, [...path, "providers"]);
    return {
      resources: names.map((name, index) => this.#text(name, [...path, "resources", index]) ?? ""),
      providers: providers.flatMap((one, index) => this.#provider(one, [...path, "providers", index])),
    };
  }

  #provider(value: unknown, path: FieldPath): EncryptionProvider[] {
    const fields = this.#mapping(value, path, kinds);
    if (fields === undefined) return [];
    const given = kinds.filter((kind) => fields[kind] !== undefined);
    const [kind] = given;
    if (kind === undefined || given.length > 1) {
      this.#problems.at(path, `must have one of ${kinds.join(", ")}, and one only`);
      return [];
    }
    if (kind === "kms") return this.#kms(fields.kms, [...path, kind]);
    if (kind !== "identity") return [{ kind, keys: this.#keys(fields[kind], [...path, kind], keyLengths[kind]) }];
    this.#mapping(fields.identity, [...path, kind], []);
    return [{ kind }];
  }

  #keys(value: unknown, path: FieldPath, lengths: readonly number[]): number {
    const fields = this.#mapping(value, path, ["keys"]);
    if (fields === undefined) return 0;
    const keys = this.#list(fields.keys, [...path, "keys"]);
    keys.forEach((key, index) => this.#key(key, [...path, "keys", index], lengths));
    return keys.length;
  }

  #key(value: unknown, path: FieldPath, lengths: readonly number[]): void {
    const fields = this.#mapping(value, path, ["name", "secret"]);
    if (fields === undefined) return;
    if (this.#text(fields.name, [...path, "name"]) === "") this.#problems.at([...path, "name"], "must not be empty");
    const secret = this.#text(fields.secret, [...path, "secret"])?.replace(/[\r\n]/g, "");
    if (secret === undefined) return;
    const isSound = base64.test(secret) && lengths.includes(Buffer.from(secret, "base64").length);
    if (isSound) return;
    const wanted = lengths.join(", ").replace(/, (\d+)$/, " or $1");
    this.doubts.push(
      `${pathText([...path, "secret"])} is not base64 of ${wanted} bytes, and kube-apiserver refuses the file.`,
    );
  }

  #kms(value: unknown, path: FieldPath): EncryptionProvider[] {
    const fields = this.#mapping(value, path, ["apiVersion", "name", "cachesize", "endpoint", "timeout"]);
    if (fields === undefined) return [];
    const written = fields.apiVersion === undefined ? "" : this.#text(fields.apiVersion, [...path, "apiVersion"]);
    const name = this.#text(fields.name, [...path, "name"]);
    const endpoint = this.#text(fields.endpoint, [...path, "endpoint"]);
    const apiVersion = written === "" ? "v1" : written;
    if (name === undefined || endpoint === undefined || apiVersion === undefined) return [];
    if (apiVersion !== "v1" && apiVersion !== "v2") {
      this.#problems.at([...path, "apiVersion"], "must be v1 or v2");
      return [];
    }
    this.#kmsName(name, apiVersion, [...path, "name"]);
    this.#endpoint(endpoint, [...path, "endpoint"]);
    const timeout = this.#timeout(fields.timeout, [...path, "timeout"]);
    this.#cacheSize(fields.cachesize, apiVersion, [...path, "cachesize"]);
    return [{ kind: "kms", name, endpoint, apiVersion, ...(timeout === undefined ? {} : { timeout }) }];
  }

  #endpoint(endpoint: string, path: FieldPath): void {
    if (!/^unix:/i.test(endpoint)) return this.#problems.at(path, "must begin with unix://");
    // kube-apiserver accepts the file, but finds no plugin at this endpoint, or that of another user.
    const doubt = isAbstract(endpoint)
      ? "is an abstract socket, on which every process of the API server's network namespace may answer instead"
      : pathOfEndpoint(endpoint) === undefined
      ? "names no absolute path of a socket, and kube-apiserver would reach nothing"
      : undefined;
    if (doubt !== undefined) this.doubts.push(`${pathText(path)} ${doubt}.`);
  }

  #kmsName(name: string, apiVersion: "v1" | "v2", path: FieldPath): void {
    if (name === "") this.#problems.at(path, "must not be empty");
    if (apiVersion === "v1") return void this.#kmsNames.add(name);
    if (name.includes(":")) this.#problems.at(path, "must not have a colon in it");
    if (this.#kmsNames.has(name)) this.#problems.at(path, "stands in the file twice, and kube-apiserver refuses that");
    this.#kmsNames.add(name);
  }

  #timeout(value: unknown, path: FieldPath): string | undefined {
    if (value === undefined) return undefined;
    const text = this.#text(value, path);
    if (text === undefined || (goDuration.test(text) && /[1-9]/.test(text))) return text;
    this.#problems.at(path, "must be a duration above zero, as in 3s");
    return undefined;
  }

  #cacheSize(value: unknown, apiVersion: "v1" | "v2", path: FieldPath): void {
    if (value === undefined) return;
    if (apiVersion === "v2") this.#problems.at(path, "is for apiVersion v1 only");
    else if (!Number.isInteger(value) || value === 0) this.#problems.at(path, "must be a whole number other than 0");
  }

  #mapping(value: unknown, path: FieldPath, known: readonly string[]): Fields | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#problems.at(path, value === undefined ? "is missing" : "must be a mapping");
      return undefined;
    }
    for (const key of Object.keys(value).filter((key) => !known.includes(key))) {
      // The text of the key is not repeated: if a quote or a colon is missing, it can be a secret.
      const near = nearest(key, known);
      const hint = near === undefined ? "" : `; did you mean "${near}"?`;
      const where = path.length === 0 ? "" : `${pathText(path)}: `;
      this.#problems.atPosition(
        this.#positionOf([...path, key]),
        `${where}kube-apiserver knows no such field${hint}`,
      );
    }
    return Object.fromEntries(known.map((key) => [key, Object.getOwnPropertyDescriptor(value, key)?.value]));
  }

  #list(value: unknown, path: FieldPath): readonly unknown[] {
    if (Array.isArray(value) && value.length > 0) return value;
    const text = value === undefined ? "is missing" : Array.isArray(value) ? "must not be empty" : "must be a list";
    this.#problems.at(path, text);
    return [];
  }

  #text(value: unknown, path: FieldPath): string | undefined {
    if (typeof value === "string") return value;
    this.#problems.at(path, value === undefined ? "is missing" : "must be a text; put it into quotes");
    return undefined;
  }
}
