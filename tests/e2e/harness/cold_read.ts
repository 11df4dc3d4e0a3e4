/**
 * Two Secrets that must be readable as soon as an API server answers: that of an application, and the key with which a
 * storage driver opens a volume.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { waitFor } from "../../support/processes.ts";
import type { ApiServer } from "./api_server.ts";

const places = [
  { namespace: "default", name: "application", field: "password" },
  // The form that drivers for encrypted volumes read.
  { namespace: "kube-system", name: "storage-driver", field: "encryptionPassphrase" },
] as const;

/** Both Secrets with their values. */
export class ColdSecrets {
  readonly #values = places.map((place) => ({ ...place, value: randomBytes(24).toString("hex") }));

  /** Writes them. */
  async write(server: ApiServer): Promise<void> {
    for (const { namespace, name, field, value } of this.#values) {
      const body = { metadata: { name }, type: "Opaque", stringData: { [field]: value } };
      const { status } = await server.request("POST", `/api/v1/namespaces/${namespace}/secrets`, body);
      assert.equal(status, 201, `${name} was not written`);
    }
  }

  /**
   * Reads both from an API server that has just started to answer.
   *
   * @param withinMs timeout in milliseconds.
   * @returns milliseconds until both were read.
   */
  async read(server: ApiServer, withinMs: number): Promise<number> {
    const reads = this.#values.map(async ({ namespace, name, field, value }) => {
      const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
      const isRead = async () => {
        const { status, body } = await server.request("GET", path);
        return status === 200 && atob(JSON.parse(body).data[field]) === value;
      };
      return (await waitFor(`the Secret ${name}`, isRead, { timeoutMs: withinMs, exactly: true, everyMs: 50 })).ms;
    });
    return Math.max(...await Promise.all(reads));
  }
}
