/**
 * The agent of Azure Arc, which gives a machine outside of Azure the identity that it has there.
 *
 * It answers a first request with the name of a file that only root and the group `himds` may read, and a second one that
 * carries what is in it with a token ("Access Azure resources by using managed identity on Azure Arc-enabled servers").
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

/** In bytes; what the agent writes is shorter. */
const largestKey = 4096;

/** Where the agent is, and where its files are. */
export interface ArcAgent {
  readonly server: Server;
  readonly keyFolder: string;
}

/**
 * Asks the agent and proves that this process may read its files.
 *
 * @returns the second answer, or the first one where it does not ask for the proof.
 * @throws {KmsError} `unauthenticated` if the file cannot be read; `provider_protocol` if it is none of the agent's.
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

/** Whoever answers on the port in place of the agent shall not choose what is read and sent to him. */
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
    // Azure's agent makes the file anew for each answer: the cure is the group of this user, not the file's owner.
    const why = isRefusal(cause)
      ? "cannot be read; its user must be in the group himds"
      : `cannot be read: ${whyUnreadable(cause, path)}`;
    throw new KmsError("unauthenticated", `Cannot ${action}: the Azure Arc agent's key file ${why}.`, { cause });
  });
  const key = utf8Text(bytes);
  if (key !== undefined && /^[\x21-\x7e]+$/.test(key)) return key;
  throw noKey();
}
