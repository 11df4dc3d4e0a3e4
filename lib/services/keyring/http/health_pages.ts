/**
 * The pages that are answered without an identity, and while no KMS can open the store: `/livez`, `/readyz`,
 * `/api/v1/health` and those of Vault. They name parts and states; reasons need an identity or the admin socket.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { credentialsOf } from "./credentials.ts";
import { type ApiAnswer, type IncomingRequest, jsonAnswer } from "./exchange.ts";
import { canServe, healthAnswerOf, type PartHealth } from "./health.ts";
import type { KeyringParts } from "./parts.ts";

/** Sources of the pages. */
export interface HealthSources {
  readonly health: () => readonly PartHealth[];
  /** @throws {KeyringError} while the store is not open, and while the server stops. */
  readonly parts: () => KeyringParts;
  readonly clock: Clock;
  /** Of the program. */
  readonly version: string;
}

/** The pages by their path. */
export class HealthPages {
  readonly #sources: HealthSources;

  constructor(sources: HealthSources) {
    this.#sources = sources;
  }

  /** The process answers. */
  livez(): ApiAnswer {
    return textAnswer(200, "ok\n");
  }

  /** 200 if requests are served. */
  readyz(): ApiAnswer {
    const lines = this.#sources.health().map(({ name, state }) =>
      `${state === "failed" ? "-" : "+"} ${name} ${state}\n`
    );
    return textAnswer(this.#isReady() ? 200 : 503, `${lines.join("")}${this.#isReady() ? "ready" : "not ready"}\n`);
  }

  /** The states as JSON; always 200, since the client looks at the states. */
  async health(request: IncomingRequest): Promise<ApiAnswer> {
    return jsonAnswer(200, healthAnswerOf(this.#sources.health(), await this.#hasIdentity(request)), {
      "cache-control": "no-store",
    });
  }

  /** Vault's answer: 200, or 503 and `sealed` while requests are not served. */
  vaultHealth(): ApiAnswer {
    const { clock, version } = this.#sources;
    const ready = this.#isReady();
    return jsonAnswer(ready ? 200 : 503, {
      initialized: true,
      sealed: !ready,
      standby: false,
      performance_standby: false,
      server_time_utc: Math.floor(clock.wall() / 1_000),
      version: vaultVersion(version),
      cluster_name: "trousseau",
      cluster_id: "",
    });
  }

  /** The answer to `vault status`, which is 200 whatever the state. */
  vaultSealStatus(): ApiAnswer {
    return jsonAnswer(200, {
      type: "trousseau",
      initialized: true,
      sealed: !this.#isReady(),
      t: 1,
      n: 1,
      progress: 0,
      nonce: "",
      version: vaultVersion(this.#sources.version),
      build_date: "",
      migration: false,
      cluster_name: "trousseau",
      cluster_id: "",
      recovery_seal: false,
      storage_type: "trousseau",
    });
  }

  /** Servers of one keyring have no leader: each of them serves. */
  vaultLeader(): ApiAnswer {
    return jsonAnswer(200, {
      ha_enabled: false,
      is_self: false,
      active_time: "0001-01-01T00:00:00Z",
      leader_address: "",
      leader_cluster_address: "",
      performance_standby: false,
      performance_standby_last_remote_wal: 0,
    });
  }

  #isReady(): boolean {
    try {
      this.#sources.parts();
      return canServe(this.#sources.health());
    } catch {
      return false;
    }
  }

  async #hasIdentity(request: IncomingRequest): Promise<boolean> {
    if (request.peer.socket === "admin" && request.header("authorization") === undefined) return true;
    try {
      const { credentials } = credentialsOf(request, false);
      if (credentials.kind === "none") return false;
      await this.#sources.parts().authenticator.identify(credentials, request.signal);
      return true;
    } catch {
      return false;
    }
  }
}

/** A semantic version: Terraform's provider parses it. Its build part says that this is not Vault's own number. */
function vaultVersion(version: string): string {
  return `${version}+trousseau`;
}

function textAnswer(status: number, body: string): ApiAnswer {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }, body };
}
