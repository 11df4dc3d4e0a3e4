/**
 * Reads the access to a cluster from a kubeconfig. Settings that would start a program, accept any certificate or use a
 * proxy are rejected.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { dirname, resolve } from "node:path";
import { readCredentialFile, readCredentialText } from "../base/credential_file.ts";
import { whyUnreadable } from "../base/durable_file.ts";
import type { SecretSource } from "../base/secret.ts";
import { type FieldPath, readYaml } from "../base/yaml_positions.ts";
import type { ClusterAccess } from "../cluster/apiserver/access.ts";
import { Problems } from "./problems.ts";
import { fileSource, literalSource } from "./secrets.ts";
import { readTextFile } from "./text_file.ts";

/** Maximum size in bytes of each file that a kubeconfig names. */
const largestCredential = 64 * 1024;

type Fields = Readonly<Record<string, unknown>>;

/** Unsupported fields of a cluster that change the connection. */
const refusedClusterFields = {
  "insecure-skip-tls-verify": "would trust any server; give certificate-authority-data instead",
  "proxy-url": "is not supported; ask from a machine that reaches the API server directly",
} as const;

/** Those of a user. */
const refusedUserFields = {
  "exec": "would run a program, and Trousseau runs none; use a kubeconfig with a token or a client certificate",
  "auth-provider": "is not supported; use a kubeconfig with a token or a client certificate",
  "username": "is not supported by Kubernetes any more; use a token or a client certificate",
  "as": "is not supported; use a kubeconfig of the user that is meant",
} as const;

/**
 * Reads the current context of a kubeconfig.
 *
 * @throws {KmsError} `config`, with position and field; the message contains no credential.
 */
export async function readKubeconfig(path: string): Promise<ClusterAccess> {
  const yaml = readYaml(await readTextFile(path, readCredentialFile));
  const problems = new Problems(path, yaml.position);
  for (const { position, text } of yaml.problems) problems.atPosition(position, text);
  if (yaml.value === undefined) return problems.fail();
  const reader = new Reader(problems, path);
  const access = await reader.access(fieldsOf(yaml.value));
  problems.throwIfAny();
  return access ?? problems.fail();
}

class Reader {
  readonly #problems: Problems;
  readonly #source: string;
  readonly #folder: string;

  constructor(problems: Problems, path: string) {
    this.#problems = problems;
    this.#source = path;
    this.#folder = dirname(resolve(path));
  }

  async access(root: Fields): Promise<ClusterAccess | undefined> {
    const context = this.#named(root, "contexts", "context", root["current-context"], ["current-context"]);
    if (context === undefined) return undefined;
    const cluster = this.#named(root, "clusters", "cluster", context.fields.cluster, [...context.path, "cluster"]);
    if (cluster === undefined) return undefined;
    const user = context.fields.user === undefined
      ? { fields: {}, path: context.path }
      : this.#named(root, "users", "user", context.fields.user, [...context.path, "user"]);
    if (user === undefined) return undefined;
    this.#refuse(cluster.fields, cluster.path, refusedClusterFields);
    this.#refuse(user.fields, user.path, refusedUserFields);
    const server = this.#server(cluster.fields.server, [...cluster.path, "server"]);
    const access = {
      serverName: this.#text(cluster.fields["tls-server-name"], [...cluster.path, "tls-server-name"]),
      ca: await this.#pem(cluster, "certificate-authority"),
      certificate: await this.#pem(user, "client-certificate"),
      key: await this.#pem(user, "client-key"),
      token: await this.#token(user),
    };
    this.#checkPems(access, cluster.path, user.path);
    return server === undefined ? undefined : { source: this.#source, server, ...access };
  }

  /** The item of a list whose `name` is the given one. */
  #named(root: Fields, list: string, item: string, name: unknown, at: FieldPath): Found | undefined {
    if (typeof name !== "string" || name === "") {
      this.#problems.at(at, "must name an entry of the kubeconfig");
      return undefined;
    }
    const items = Array.isArray(root[list]) ? root[list] : [];
    const index = items.findIndex((one) => fieldsOf(one).name === name);
    if (index >= 0) return { fields: fieldsOf(fieldsOf(items[index])[item]), path: [list, index, item] };
    this.#problems.at(at, `names nothing in ${list}`);
    return undefined;
  }

  #refuse(fields: Fields, path: FieldPath, rows: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(rows)) {
      const value = fields[name];
      if (value !== undefined && value !== null && value !== false && value !== "") {
        this.#problems.at([...path, name], text);
      }
    }
  }

  #server(value: unknown, path: FieldPath): URL | undefined {
    const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
    if (url?.protocol === "https:" && url.username === "" && url.password === "") return url;
    this.#problems.at(path, "must be an https:// address without a user in it");
    return undefined;
  }

  /** A token file is read again at each request; it is read now, too, so that its faults have a position. */
  async #token({ fields, path }: Found): Promise<SecretSource | undefined> {
    const file = fields.tokenFile;
    const hasFile = typeof file === "string" && file !== "";
    const text = hasFile
      ? await this.#file(file, [...path, "tokenFile"])
      : this.#text(fields.token, [...path, "token"]);
    const token = text?.trim();
    if (token === undefined || token === "") return undefined;
    if (/^[\x21-\x7e]+$/.test(token)) {
      return hasFile ? fileSource(resolve(this.#folder, file)) : literalSource(token);
    }
    this.#problems.at([...path, hasFile ? "tokenFile" : "token"], "holds no token");
    return undefined;
  }

  /** The PEM in `NAME-data`, otherwise in the file of `NAME`. */
  async #pem({ fields, path }: Found, name: string): Promise<string | undefined> {
    const data = this.#text(fields[`${name}-data`], [...path, `${name}-data`]);
    if (data !== undefined && data !== "") return Buffer.from(data, "base64").toString("latin1");
    const file = this.#text(fields[name], [...path, name]);
    return file === undefined || file === "" ? undefined : await this.#file(file, [...path, name]);
  }

  async #file(path: string, at: FieldPath): Promise<string | undefined> {
    const absolute = resolve(this.#folder, path);
    try {
      return await readCredentialText(absolute, largestCredential);
    } catch (thrown) {
      this.#problems.at(at, `names a file that cannot be read: ${whyUnreadable(thrown, absolute)}`);
      return undefined;
    }
  }

  #checkPems(
    { ca, certificate, key }: Pick<ClusterAccess, "ca" | "certificate" | "key">,
    cluster: FieldPath,
    user: FieldPath,
  ): void {
    if (ca !== undefined && !isSound(() => new X509Certificate(ca))) {
      this.#problems.at([...cluster, "certificate-authority-data"], "holds no certificate in PEM");
    }
    if ((certificate === undefined) !== (key === undefined)) {
      this.#problems.at(user, "needs a client certificate and its key, or neither");
    } else if (certificate !== undefined && key !== undefined) {
      if (isSound(() => new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))) return;
      this.#problems.at([...user, "client-certificate-data"], "is no certificate in PEM with its key beside it");
    }
  }

  #text(value: unknown, path: FieldPath): string | undefined {
    if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
    this.#problems.at(path, "must be a text");
    return undefined;
  }
}

interface Found {
  readonly fields: Fields;
  readonly path: FieldPath;
}

function isSound(look: () => unknown): boolean {
  try {
    return look() !== false;
  } catch {
    return false;
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
