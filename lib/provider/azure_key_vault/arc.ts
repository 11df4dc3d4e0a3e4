/**
 * The agent of Azure Arc, which provides the Azure identity of a machine outside Azure.
 *
 * It answers a first request with the name of a file that only root and the group `himds` may read. A second request
 * that contains the text of that file gets a token ("Access Azure resources by using managed identity on Azure
 * Arc-enabled servers").
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";
import { readCredentialFile } from "../../base/credential_file.ts";
import { FileRefusedError, whyUnreadable } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import { isRefusal } from "../../base/system_failures.ts";
import type { HttpClient, Server } from "../../net/https/client.ts";
import type { HttpAnswer, HttpCall } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";

/** Maximum size in bytes; the agent's files are shorter. */
const largestKey = 4096;

/** The origin of the agent, and the folder of its files. */
export interface ArcAgent {
  readonly server: Server;
  /** Absolute path of the folder of the agent's files. */
  readonly keyFolder: string;
}

/**
 * Sends the request to the agent, and proves that this process may read its files.
 *
 * @returns the second response, or the first one if it does not require the proof.
 * @throws {KmsError} `unauthenticated` if the file cannot be read; `provider_protocol` if it is not one of the agent's
 *   files.
 */
export async function askArc(client: HttpClient, agent: ArcAgent, path: string, call: HttpCall): Promise<HttpAnswer> {
  const request = { method: "GET", path, headers: { metadata: "true" } } as const;
  const first = await client.ask(agent.server, request, call);
  if (first.status !== 401) return first;
  const proof = await readKey(keyPath(first, agent, call), call);
  return await client.ask(agent.server, {
    ...request,
    headers: { ...request.headers, authorization: `Basic ${proof}` },
  }, call);
}

/**
 * Validates the path: a server that listens on the port in place of the agent must not choose which file is read and
 * sent to it.
 */
function keyPath({ headers }: HttpAnswer, { keyFolder }: ArcAgent, { action }: HttpCall): string {
  const [, path = ""] = /^basic\s+realm="?([^"]+)"?$/i.exec(headers["www-authenticate"] ?? "") ?? [];
  const name = path.startsWith(`${keyFolder}/`) ? path.slice(keyFolder.length + 1) : "";
  if (/^[0-9A-Za-z-]{1,128}\.key$/.test(name)) return path;
  throw unacceptable(action, `the Azure Arc agent names no key file in ${keyFolder}`);
}

async function readKey(path: string, { action }: HttpCall): Promise<string> {
  const noKey = () => unacceptable(action, "the Azure Arc agent's key file holds no key");
  const bytes = await readCredentialFile(path, largestKey).catch((cause) => {
    if (cause instanceof FileRefusedError && cause.name !== "WritableByOthers") throw noKey();
    // Azure's agent creates a new file for each response: the remedy is membership of this user in the group, not
    // another owner of the file.
    const why = isRefusal(cause)
      ? "cannot be read; its user must be in the group himds"
      : `cannot be read: ${whyUnreadable(cause, path)}`;
    throw new KmsError("unauthenticated", `Cannot ${action}: the Azure Arc agent's key file ${why}.`, { cause });
  });
  const key = utf8Text(bytes);
  if (key !== undefined && /^[\x21-\x7e]+$/.test(key)) return key;
  throw noKey();
}
