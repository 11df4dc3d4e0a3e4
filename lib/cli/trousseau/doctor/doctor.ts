/**
 * `trousseau doctor`
 *
 * It reads, and creates nothing but the file of `--junit`.
 *
 * @module
 */
import { systemClock } from "../../../base/clock.ts";
import { KmsError } from "../../../base/errors.ts";
import { EncryptionUsage } from "../../../cluster/encryption_usage.ts";
import { StoredKeys } from "../../../cluster/objects/stored_key.ts";
import { SnapshotError } from "../../../cluster/snapshot/snapshot_error.ts";
import { apiServerOfWords, type ApiServerStart, findApiServer } from "../../../config/apiserver/api_server.ts";
import { type HostFiles, hostFiles } from "../../../config/apiserver/host_files.ts";
import { type HostUnit, hostUnits } from "../../../config/apiserver/units.ts";
import type { Config } from "../../../config/config.ts";
import { builtInResources } from "../../../config/encryption/resources.ts";
import { readTextFile } from "../../../config/text_file.ts";
import { nodeMemory } from "../../../app/sealed_before.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { startProgress } from "../../progress.ts";
import { wantsColour } from "../../table.ts";
import { json } from "../../terminal.ts";
import { checkedConfig, examineConfig } from "../check.ts";
import type { CheckFindings } from "../check_findings.ts";
import { configFile, subjectJson, subjectOf } from "../configured.ts";
import type { RoundTrip } from "../round_trip.ts";
import { NewFile } from "../new_file.ts";
import type { TrousseauCall } from "../terminal.ts";
import { etcdPrefixOf } from "../etcd_options.ts";
import { scanSource } from "../verify.ts";
import { apiServerFindings } from "./api_server_findings.ts";
import { type DoctorFinding, found } from "./finding.ts";
import { keyFindingsOf, providerFindings, stateFindings } from "./kms_findings.ts";
import type { CountedObjects } from "./counted_objects.ts";
import { nightFindings } from "./night_findings.ts";
import { credentialFindings } from "./node_credentials.ts";
import { apiServerClock } from "./node_clock.ts";
import { folderFindings, freeBytesOf } from "./node_folders.ts";
import { socketFindings } from "./node_socket.ts";
import { unitFindings } from "./node_unit.ts";
import { nodesFindings } from "./nodes_findings.ts";
import { examinePlugin, type PluginExamination } from "./plugin_findings.ts";
import { withFindingAnchors } from "./finding_anchors.ts";
import { doctorCounts, doctorJunit, doctorText } from "./report.ts";

/** The files of this node, and what starts its services. */
interface Host {
  /** The files of kube-apiserver and systemd, below `--root`. */
  readonly files: HostFiles;
  readonly units: readonly HostUnit[];
  readonly apiServer: ApiServerStart | undefined;
}

/** Examines this node and prints the findings. */
export async function doctor(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const toStdout = options.junit === "-";
  if (toStdout && options.json) throw new UsageError("--json and --junit - would both write to stdout.", "doctor");
  await using file = options.junit === undefined || toStdout
    ? undefined
    : await NewFile.make(options.junit, "use --junit - > FILE");
  const startedAt = systemClock.wall();
  const config = await checkedConfig(withoutWrites(call));
  const findings = await findingsOf(config, call);
  if (options.junit !== undefined) {
    const xml = doctorJunit(findings, startedAt);
    if (file === undefined) terminal.stdout.write(xml);
    else await file.write(xml);
  }
  await show(config, findings, call);
  return doctorCounts(findings).bad > 0 ? exitCodes.unmet.status : exitCodes.ok.status;
}

async function show(
  config: Config | KmsError,
  findings: readonly DoctorFinding[],
  call: TrousseauCall,
): Promise<void> {
  const { options, terminal: { stdout, stderr, environment } } = call;
  const [counts, anchored] = [doctorCounts(findings), await withFindingAnchors(findings)];
  const subject = config instanceof KmsError ? { file: await configFile(call) ?? null } : subjectJson(config);
  if (options.json) return json(stdout, { ok: counts.bad === 0, ...subject, counts, findings: anchored });
  const output = options.junit === "-" ? stderr : stdout;
  const head = config instanceof KmsError ? `Configuration: ${subject.file}` : subjectOf(config);
  output.write(doctorText(head, anchored, wantsColour(output, environment)));
}

/**
 * A call whose files are read and never tried: the place of the embedded configuration is found by the folders that are
 * there.
 */
function withoutWrites(call: TrousseauCall): TrousseauCall {
  const { files } = call.terminal;
  const canWrite = async (folder: string) => await files.kind(folder) === "folder";
  return { ...call, terminal: { ...call.terminal, files: { ...files, canWrite } } };
}

async function findingsOf(config: Config | KmsError, call: TrousseauCall): Promise<readonly DoctorFinding[]> {
  const { options, terminal: { signal } } = call;
  const host = await hostOf(call);
  const socket = config instanceof KmsError || config.keyring.isWritten ? undefined : config.socket.path;
  const given = options["encryption-config"];
  const ofApiServer = await apiServerFindings({ start: host.apiServer, given, socket, files: host.files });
  const clock = await apiServerClock(host.apiServer, host.files, signal);
  if (config instanceof KmsError) {
    const invalid = found("config-invalid", { message: config.message });
    return [invalid, ...clock, ...ofApiServer, ...await nodesFindings(options.nodes, undefined, signal)];
  }
  return [...clock, ...ofApiServer, ...await withConfig(config, host, call)];
}

async function hostOf({ options }: TrousseauCall): Promise<Host> {
  const files = hostFiles(options.root ?? "/");
  const units = await hostUnits(files);
  const words = options["apiserver-args"];
  const apiServer = words === undefined
    ? await findApiServer(files, units)
    : apiServerOfWords(words, await readTextFile(words));
  return { files, units, apiServer };
}

async function withConfig(config: Config, host: Host, call: TrousseauCall): Promise<readonly DoctorFinding[]> {
  const { options, terminal: { signal } } = call;
  const writes = { unwritable: [], warnings: [] };
  const checked = await examineConfig(config, call, { writes, remarks: "left out" });
  const { state } = await nodeMemory(config);
  const known = state instanceof KmsError ? undefined : state;
  const plugin = await examineService(config, host, signal);
  return [
    ...stateFindings(checked),
    ...plugin.findings,
    ...await nodeFindings(config),
    ...providerFindings(checked),
    ...await keyFindingsOf(config, checked, known, signal),
    ...await nodesFindings(options.nodes, plugin.status, signal),
    ...await atNight(config, checked, plugin.status, call),
  ];
}

/** The running plugin, its socket and its unit. The file of a keyring has none of them. */
async function examineService(
  config: Config,
  { files, units, apiServer }: Host,
  signal: AbortSignal,
): Promise<PluginExamination> {
  if (config.keyring.isWritten) {
    return { findings: [found("plugin-none", { file: config.file ?? "" })], status: undefined };
  }
  const { findings, status } = await examinePlugin(config, signal);
  const more = [
    ...await socketFindings(config.socket.path, apiServer, hostFiles("/")),
    ...await unitFindings(apiServer?.service ?? "kubelet.service", units, files),
  ];
  return { findings: [...findings, ...more], status };
}

async function nodeFindings(config: Config): Promise<readonly DoctorFinding[]> {
  return [
    ...await folderFindings(config, hostFiles("/"), freeBytesOf),
    ...await credentialFindings([...config.providers, ...config.retired], systemClock.wall()),
  ];
}

async function atNight(
  config: Config,
  { trips, retired }: CheckFindings,
  status: Parameters<typeof nightFindings>[0]["status"],
  call: TrousseauCall,
): Promise<readonly DoctorFinding[]> {
  const well = new Set([
    ...trips.filter(({ steps }) => steps.some(({ step, result }) => step === "unwrap" && result === "ok")),
    ...retired.filter(answers),
  ].map(({ name }) => name));
  const counted = await countedObjects(call);
  const [objects, uncounted] = "id" in counted ? [undefined, [counted]] : [counted, []];
  return [...nightFindings({ config, well, status, objects }), ...uncounted];
}

/** Whether a retired provider has answered its probe, or has opened a sentinel, for which it needs no other right. */
function answers({ steps, sealed }: RoundTrip): boolean {
  return steps.some(({ step, result }) => step === "probe" && result === "ok") ||
    sealed.some(({ error }) => error === undefined);
}

/** The objects of `--snapshot` or `--etcd`, or the reason why they were not counted. */
async function countedObjects(call: TrousseauCall): Promise<CountedObjects | DoctorFinding> {
  const { options, terminal } = call;
  if (options.snapshot === undefined && options.etcd === undefined) return found("night-uncounted", {});
  const usage = new EncryptionUsage(false);
  const keys = new StoredKeys(etcdPrefixOf(call), builtInResources());
  using progress = startProgress(terminal, "Reading the objects");
  try {
    const { source } = await scanSource(call, usage, keys, progress);
    return { source, rows: usage.rows() };
  } catch (thrown) {
    if (!(thrown instanceof KmsError) && !(thrown instanceof SnapshotError)) throw thrown;
    return found("night-unscanned", { message: thrown.message });
  }
}
