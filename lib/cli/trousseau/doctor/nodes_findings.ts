/**
 * The comparison of nodes: key ID, configuration, versions and clocks.
 *
 * @module
 */
import { systemClock } from "../../../base/clock.ts";
import { KmsError } from "../../../base/errors.ts";
import { readTextFile } from "../../../config/text_file.ts";
import { readTlsFiles } from "../../../net/https/tls_files.ts";
import { UsageError } from "../../command.ts";
import { fetchStatus, parseStatus, type StatusDocument } from "../status_document.ts";
import { type DoctorFinding, found } from "./finding.ts";
import { clockLimitMs, clockTexts } from "./kms_findings.ts";
import { unwellMessages } from "./plugin_findings.ts";

/** A node with its status. */
interface NodeStatus {
  /** The address or the file, or `this node`. */
  readonly node: string;
  readonly status: StatusDocument;
  /** Milliseconds by which its clock is ahead of this node's; `undefined` for a file. */
  readonly aheadMs?: number | undefined;
}

/** The nodes of `--nodes`: addresses of telemetry, and files of `trousseau status --json`. */
export async function nodesFindings(
  list: string | undefined,
  own: StatusDocument | undefined,
  signal: AbortSignal,
): Promise<readonly DoctorFinding[]> {
  if (list === undefined) return [found("nodes-unasked", {})];
  const asked = await Promise.all(nodeNames(list).map((node) => statusOf(node, signal)));
  const silent = asked.filter((one) => "sentence" in one);
  const others = asked.filter((one) => "status" in one);
  const nodes = own === undefined ? others : [{ node: "this node", status: own }, ...others];
  const unwell = others.flatMap(({ node, status }) =>
    unwellMessages(status).map((message) => found("node-unwell", { node, message }))
  );
  const clocks = others.flatMap(clockFinding);
  const differences = compared(nodes);
  const faults = [...silent, ...unwell, ...differences, ...clocks];
  const keyId = nodes[0]?.status.keyId ?? "none";
  const agree = nodes.length > 1 && differences.length === 0;
  return agree ? [found("nodes-agree", { count: `${nodes.length}`, keyId }), ...faults] : faults;
}

function nodeNames(list: string): readonly string[] {
  const names = list.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (names.length > 0) return names;
  throw new UsageError("--nodes is a list of addresses or files, as in http://10.0.0.1:8090,node-2.json.", "doctor");
}

async function statusOf(node: string, signal: AbortSignal): Promise<NodeStatus | DoctorFinding> {
  if (!/^https?:\/\//.test(node)) return await fromFile(node);
  if (!URL.canParse(node)) return found("node-silent", { node, message: "it is no address" });
  const { origin, protocol } = new URL(node);
  // The authorities of the machine: another server may stand before the plugin, which speaks HTTP alone.
  const tls = protocol === "https:" ? await readTlsFiles({}, node) : undefined;
  const sentAt = systemClock.wall();
  const status = await fetchStatus(origin, signal, tls);
  if (status === undefined) return found("node-silent", { node, message: "no Trousseau answers there" });
  const at = Date.parse(status.time ?? "");
  const middle = (sentAt + systemClock.wall()) / 2;
  return { node, status, aheadMs: Number.isFinite(at) ? at - middle : undefined };
}

async function fromFile(node: string): Promise<NodeStatus | DoctorFinding> {
  try {
    const status = parseStatus(await readTextFile(node));
    return status === undefined
      ? found("node-silent", { node, message: "the file is no output of trousseau status --json" })
      : { node, status };
  } catch (thrown) {
    if (!(thrown instanceof KmsError)) throw thrown;
    return found("node-silent", { node, message: thrown.message.replace(/\.$/, "") });
  }
}

function clockFinding({ node, aheadMs }: NodeStatus): readonly DoctorFinding[] {
  if (aheadMs === undefined || Math.abs(aheadMs) <= clockLimitMs) return [];
  const { seconds, direction } = clockTexts(-aheadMs);
  return [found("node-clock", { node, seconds, direction })];
}

/** Each node is compared with the first one. */
function compared([first, ...rest]: readonly NodeStatus[]): readonly DoctorFinding[] {
  if (first === undefined) return [];
  return rest.flatMap((one) => difference(first, one));
}

function difference(first: NodeStatus, one: NodeStatus): readonly DoctorFinding[] {
  const { node, status } = one;
  const { node: other, status: theirs } = first;
  const [keyId, otherKeyId] = [status.keyId ?? "none", theirs.keyId ?? "none"];
  const [hash, otherHash] = [status.configuration ?? "none", theirs.configuration ?? "none"];
  const [version, otherVersion] = [status.version ?? "?", theirs.version ?? "?"];
  return [
    ...(keyId === otherKeyId ? [] : [found("node-key", { node, other, keyId, otherKeyId })]),
    // Another version may hash other settings.
    ...(hash === otherHash || version !== otherVersion
      ? []
      : [found("node-configuration", { node, other, hash, otherHash })]),
    ...(version === otherVersion ? [] : [found("node-version", { node, other, version, otherVersion })]),
    ...status.providers.flatMap(({ name, version }) => {
      const otherVersion = theirs.providers.find((provider) => provider.name === name)?.version;
      if (otherVersion === undefined || otherVersion === version) return [];
      return [found("node-versions", { node, other, name, version, otherVersion })];
    }),
  ];
}
