/**
 * Requests to the servers of a cloud provider: the KMS and the servers that issue its tokens.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import {
  type HttpAnswer,
  type HttpCall,
  type HttpRequest,
  HttpsEndpoint,
  type HttpStream,
  type TlsMaterial,
} from "./endpoint.ts";
import type { Waits } from "../../base/waits.ts";
import type { TlsFiles } from "./tls_files.ts";
import { TlsWatch } from "./tls_watch.ts";

/** A server that requests are sent to. */
export interface Server {
  /** Name in messages, for instance `Key Vault`. */
  readonly name: string;
  /** Scheme, host and port. */
  readonly origin: string;
}

/** Keeps connections to several servers; all use the same TLS files. */
export class HttpClient implements Disposable {
  readonly #tls: TlsWatch;
  readonly #waits: Waits | undefined;
  #material: TlsMaterial;
  #endpoints = new Map<string, HttpsEndpoint>();

  private constructor(tls: TlsWatch, waits: Waits | undefined) {
    this.#tls = tls;
    this.#waits = waits;
    this.#material = tls.material;
  }

  /**
   * Reads the TLS files. No network access.
   *
   * @param waits records requests without a response.
   * @throws {KmsError} `config` if the files cannot be used.
   */
  static async open(
    provider: string,
    servers: readonly Server[],
    files: TlsFiles,
    notify: Notify,
    waits?: Waits,
  ): Promise<HttpClient> {
    const tls = await TlsWatch.open(files, provider, servers.map(({ origin }) => origin), notify);
    return new HttpClient(tls, waits);
  }

  /**
   * Sends a request to a server. Sends it a second time if the connection failed and the TLS files have changed since.
   *
   * @throws {KmsError} as {@linkcode HttpsEndpoint.ask}.
   */
  ask(server: Server, request: HttpRequest, call: HttpCall): Promise<HttpAnswer> {
    return this.#withFiles(server, (endpoint) => endpoint.ask(request, call));
  }

  /**
   * Sends a request whose response is read as it comes; as {@linkcode ask}.
   *
   * @throws {KmsError} as {@linkcode HttpsEndpoint.open}.
   */
  open(server: Server, request: HttpRequest, call: HttpCall): Promise<HttpStream> {
    return this.#withFiles(server, (endpoint) => endpoint.open(request, call));
  }

  async #withFiles<T>(server: Server, send: (endpoint: HttpsEndpoint) => Promise<T>): Promise<T> {
    await this.#tls.look();
    const endpoint = this.#endpoint(server);
    try {
      return await send(endpoint);
    } catch (thrown) {
      if (!(thrown instanceof KmsError) || thrown.code !== "unreachable") throw thrown;
      await this.#tls.lookNow();
      const another = this.#endpoint(server);
      if (another === endpoint) throw thrown;
      return await send(another);
    }
  }

  [Symbol.dispose](): void {
    for (const endpoint of this.#endpoints.values()) endpoint[Symbol.dispose]();
  }

  #endpoint(server: Server): HttpsEndpoint {
    if (this.#tls.material !== this.#material) {
      for (const endpoint of this.#endpoints.values()) endpoint.retire();
      this.#endpoints = new Map();
      this.#material = this.#tls.material;
    }
    let endpoint = this.#endpoints.get(server.origin);
    if (endpoint === undefined) {
      endpoint = new HttpsEndpoint(server.name, server.origin, this.#material, this.#waits);
      this.#endpoints.set(server.origin, endpoint);
    }
    return endpoint;
  }
}
