/**
 * The findings about the plugin that runs on this node.
 *
 * @module
 */
import { dialKms } from "../../../api/kms/client.ts";
import { deadline } from "../../../base/deadline.ts";
import { KmsError } from "../../../base/errors.ts";
import type { Config } from "../../../config/config.ts";
import { askPlugin } from "../running.ts";
import type { StatusDocument } from "../status_document.ts";
import { type DoctorFinding, found } from "./finding.ts";
import { configOption } from "./kms_findings.ts";

/** Milliseconds for a Status over the socket. */
const socketMs = 3_000;

/** The running plugin: its findings, and its status if telemetry gives one. */
export interface PluginExamination {
  readonly findings: readonly DoctorFinding[];
  readonly status: StatusDocument | undefined;
}

/** Asks the plugin over HTTP, or over its socket. */
export async function examinePlugin(config: Config, signal: AbortSignal): Promise<PluginExamination> {
  const answer = await askPlugin(config, signal);
  if ("found" in answer) return { status: answer.found, findings: statusFindings(answer.found, configOption(config)) };
  return { status: undefined, findings: [await overSocket(config, signal)] };
}

async function overSocket(config: Config, signal: AbortSignal): Promise<DoctorFinding> {
  try {
    await using client = dialKms(config.socket.path);
    using limit = deadline(socketMs, signal);
    const { healthz, key_id: keyId } = await client.v2.Status({}, { signal: limit.signal });
    if (healthz === "ok") return found("plugin-well", { keyId });
    return found("plugin-unwell", { message: healthz, config: configOption(config) });
  } catch (thrown) {
    if (!(thrown instanceof KmsError)) throw thrown;
    return found("plugin-silent", { message: thrown.message });
  }
}

function statusFindings(status: StatusDocument, config: string): readonly DoctorFinding[] {
  const { telemetry = "" } = status;
  const messages = unwellMessages(status);
  return [
    ...(messages.length === 0 ? [found("plugin-well", { keyId: status.keyId ?? "none" })] : []),
    ...messages.map((message) => found("plugin-unwell", { message, config })),
    ...(telemetry === "" ? [] : [found("audit-fails", { message: telemetry })]),
  ];
}

/** The reasons why a plugin is not well; empty if it is. */
export function unwellMessages(
  { quorum, unreadable = "", stateFolder, keyId, message }: StatusDocument,
): readonly string[] {
  return [
    quorum.state === "lost" ? quorum.message : "",
    unreadable,
    stateFolder?.writable === false ? stateFolder.message : "",
    keyId === null || keyId === undefined ? message || "It announces no key ID." : "",
  ].filter((text) => text !== "");
}
