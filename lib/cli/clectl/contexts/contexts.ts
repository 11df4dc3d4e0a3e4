/**
 * Contexts: servers by name, each with the authority that it pins and the identity for it.
 *
 * @module
 */
import { join } from "node:path";
import { KmsError } from "../../../base/errors.ts";
import { didYouMean } from "../../../base/nearest.ts";
import { UsageError } from "../../command.ts";
import type { ClientCertificate } from "../connection/transport.ts";
import type { ClientFolders } from "./folders.ts";
import { type LoginToken, loginTokenOf, type MachineLogin, machineLoginOf } from "./login_token.ts";
import { type FileDocument, readPrivateFile, removePrivateFile, writePrivateFile } from "./private_file.ts";

/** A server by name. */
export interface Context {
  readonly name: string;
  /** As {@linkcode serverAddress} reads it. */
  readonly address: string;
  /** The only authority that is trusted for TLS, PEM. */
  readonly ca?: string;
  /** The file of a bearer token, for machines. It is read at each call. */
  readonly tokenFile?: string;
  /** The login of a machine; its token is kept apart, with the credentials. */
  readonly login?: MachineLogin;
}

/** 1 to 64 letters, digits, `_`, `-` and `.`, since the name is part of a file's name. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** @throws {UsageError} */
export function checkContextName(name: string): void {
  if (namePattern.test(name)) return;
  throw new UsageError(
    "The name of a context has 1 to 64 letters, digits, _, - and ., and begins with a letter or digit.",
  );
}

/** The contexts of a user. */
export class Contexts {
  readonly #folders: ClientFolders;

  constructor(folders: ClientFolders) {
    this.#folders = folders;
  }

  /** All names, sorted. */
  async names(): Promise<readonly string[]> {
    const found: string[] = [];
    try {
      for await (const { name, isFile } of Deno.readDir(join(this.#folders.config, "contexts"))) {
        const bare = name.replace(/\.json$/, "");
        if (isFile && bare !== name && namePattern.test(bare)) found.push(bare);
      }
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
    return found.sort();
  }

  /** `undefined` if there is none with this name. */
  async find(name: string): Promise<Context | undefined> {
    checkContextName(name);
    const document = await readPrivateFile(this.#path(name));
    return document === undefined ? undefined : contextOf(name, document, this.#path(name));
  }

  /** @throws {KmsError} `config` if there is none with this name. */
  async read(name: string): Promise<Context> {
    const context = await this.find(name);
    if (context !== undefined) return context;
    throw new KmsError("config", `There is no context "${name}".${didYouMean(name, await this.names())}`);
  }

  async write({ name, ...context }: Context): Promise<void> {
    checkContextName(name);
    await writePrivateFile(this.#path(name), context);
  }

  /** Removes a context and its credentials. @throws {KmsError} `config` if there is none. */
  async remove(name: string): Promise<void> {
    await this.read(name);
    await this.removeCredentials(name);
    await removePrivateFile(this.#path(name));
    if (await this.current() === name) await removePrivateFile(this.#currentPath());
  }

  /** The name of the current context; `undefined` if there is none. */
  async current(): Promise<string | undefined> {
    const name = (await readPrivateFile(this.#currentPath()))?.["name"];
    return typeof name === "string" && namePattern.test(name) ? name : undefined;
  }

  /** @throws {KmsError} `config` if there is no context with this name. */
  async select(name: string): Promise<void> {
    await this.read(name);
    await writePrivateFile(this.#currentPath(), { name });
  }

  /** The certificate and key of a context; `undefined` before a login. */
  async identity(name: string): Promise<ClientCertificate | undefined> {
    const path = this.#identityPath(name);
    const document = await readPrivateFile(path);
    if (document === undefined) return undefined;
    const { certificate, key } = document;
    if (typeof certificate === "string" && typeof key === "string") return { certificate, key };
    throw new KmsError("config", `${path}: The file has no certificate with a key; log in again.`);
  }

  async writeIdentity(name: string, { certificate, key }: ClientCertificate): Promise<void> {
    await writePrivateFile(this.#identityPath(name), { certificate, key });
  }

  /** The token of a machine's login; `undefined` if there is none. */
  async token(name: string): Promise<LoginToken | undefined> {
    const path = this.#tokenPath(name);
    const document = await readPrivateFile(path);
    return document === undefined ? undefined : loginTokenOf(document, path);
  }

  async writeToken(name: string, token: LoginToken): Promise<void> {
    await writePrivateFile(this.#tokenPath(name), token);
  }

  /** Whether a context has a certificate or the token of a login. */
  async hasCredentials(name: string): Promise<boolean> {
    return await this.identity(name) !== undefined || await this.token(name) !== undefined;
  }

  /** Removes key, certificate and token of a context. @returns whether there were any. */
  async removeCredentials(name: string): Promise<boolean> {
    const removed = [await removePrivateFile(this.#identityPath(name)), await removePrivateFile(this.#tokenPath(name))];
    return removed.includes(true);
  }

  #path(name: string): string {
    return join(this.#folders.config, "contexts", `${name}.json`);
  }

  #currentPath(): string {
    return join(this.#folders.config, "current.json");
  }

  #identityPath(name: string): string {
    return join(this.#folders.state, "identities", `${name}.json`);
  }

  #tokenPath(name: string): string {
    return join(this.#folders.state, "tokens", `${name}.json`);
  }
}

function contextOf(name: string, { address, ca, tokenFile, login }: FileDocument, path: string): Context {
  const machine = machineLoginOf(login);
  if (typeof address !== "string") throw new KmsError("config", `${path}: The file has no address in it.`);
  return {
    name,
    address,
    ...(typeof ca === "string" ? { ca } : {}),
    ...(typeof tokenFile === "string" ? { tokenFile } : {}),
    ...(machine === undefined ? {} : { login: machine }),
  };
}
