/**
 * The types of a service of `trousseau`: a row of the table in `services.ts`, and the service that the row opens.
 *
 * @module
 */
import type { Reloads } from "../base/reloads.ts";
import type { Config, ListenConfig } from "../config/config.ts";
import type { SocketServer } from "../net/socket/serve.ts";
import type { SocketOptions, Takeover } from "../net/socket/socket.ts";
import type { Notify } from "../telemetry/events.ts";
import type { Countable } from "../telemetry/label_values.ts";
import type { ServicePages } from "../telemetry/pages.ts";
import type { EndpointOptions } from "./endpoint.ts";

/** A kind of permission of Deno's. */
export type Permission = "env" | "ffi" | "import" | "net" | "read" | "run" | "sys" | "write";

/** The settings that every service has, from its section of the configuration. */
export interface ServiceSettings {
  readonly socket: Config["socket"] & Pick<SocketOptions, "folderMode">;
  /** The folder of the service's own files. */
  readonly state: string;
  /** `stdout`, a path, or `undefined` for no audit. */
  readonly audit: string | undefined;
  /** The address of the HTTP pages; `undefined` for none. */
  readonly listen: ListenConfig | undefined;
}

/** The arguments of {@linkcode ServiceRow.open}. */
export interface OpenServiceOptions {
  readonly config: Config;
  readonly notify: Notify;
  /** Announces that credentials are to be read again. */
  readonly credentials: Reloads;
}

/** An open service before it has a socket. */
export interface OpenService extends AsyncDisposable {
  /** The content of the HTTP pages. */
  readonly pages: ServicePages;
  /** The object of the log line `Serving ….`. */
  readonly served: string;
  /** Decides whether to replace a running process on the same socket. */
  readonly takeover: Takeover;
  /**
   * Waits before the socket is opened; left out if there is nothing to wait for.
   *
   * @param takeover whether a running process is to be replaced.
   * @throws {KmsError} `unreachable` if the service is not ready for a takeover.
   */
  readonly prepare?: (takeover: boolean, signal: AbortSignal) => Promise<void>;
  /** Serves its API. @throws {KmsError} `config` if the path cannot be used. */
  readonly serve: (options: SocketOptions) => Promise<SocketServer>;
  /** Called once after the socket answers. It does not wait. */
  readonly afterStart?: () => void;
  /** Sends what is left after the last call, within `ms` milliseconds; left out if there is nothing to send. */
  readonly flush?: (ms: number) => Promise<void>;
}

/** One row of the table. */
export interface ServiceRow<Service extends OpenService = OpenService> {
  /** Permissions kept after the start; `runService` revokes all others, for the whole process. */
  readonly keeps: readonly Permission[];
  /** The verb of an error sentence about a start, as in `Cannot serve without a configuration`. */
  readonly action: string;
  /** The predicate of the first log line, `Trousseau VERSION ….`. */
  readonly starts: string;
  readonly settings: (config: Config) => ServiceSettings;
  /** The field of {@linkcode ServiceSettings.listen} in the file. */
  readonly listenField: EndpointOptions["field"];
  /** See `EndpointOptions`; left out if the address is never replaced. */
  readonly anyPort?: (config: Config) => string | undefined;
  readonly countable: (config: Config) => Countable;
  /** Opens the service. It does not wait for a KMS. @throws {KmsError} `config` */
  readonly open: (options: OpenServiceOptions) => Promise<Service>;
}
