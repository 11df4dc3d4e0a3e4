/**
 * `trousseau encryption-config`
 *
 * @module
 */
import { basename } from "node:path";
import { commentsOf, type PlannedEntry, rewritten } from "../../config/encryption/document.ts";
import { type EncryptionFile, readEncryptionFile } from "../../config/encryption/file.ts";
import { readTextFile } from "../../config/text_file.ts";
import { readCredentialFile } from "../../base/credential_file.ts";
import { UsageError } from "../command.ts";
import { configuredSocket, subjectOfSocket } from "./configured.ts";
import { encryptionConfiguration, encryptionDefaults, kmsProvider } from "./encryption_configuration.ts";
import type { Discovered } from "./encryption_discovery.ts";
import { resourceList, resourceWarnings } from "./encryption_resources.ts";
import { type Stage, staged, type StagedEntry, type StageRequest } from "./encryption_stages.ts";
import { commentBlock, stageSteps, withoutCommentBlock } from "./encryption_steps.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { line, printable } from "../terminal.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Inputs that both kinds of file have. */
interface FileInputs {
  /** The configuration and the plugin that the file is for. */
  readonly subject: string;
  readonly name: string;
  readonly kmsVersion: "v2" | "v1beta1";
  readonly socketPath: string;
  readonly resources: readonly string[] | undefined;
}

/** Prints the file, and on stderr the notes for the operator. */
export async function encryptionConfig(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  checkTogether(call);
  const socket = await configuredSocket(call);
  const inputs: FileInputs = {
    subject: subjectOfSocket(socket),
    resources: options.resources === undefined ? undefined : resourceList(options.resources),
    name: providerName(options.name ?? encryptionDefaults.name),
    kmsVersion: options["kms-version"] ?? encryptionDefaults.kmsVersion,
    socketPath: socket.path,
  };
  const { text, notes } = options.from === undefined || options.stage === undefined
    ? await firstFile(inputs, call)
    : await stageFile(inputs, options.from, options.stage, call);
  terminal.stdout.write(text);
  for (const note of notes) line(terminal.stderr, `trousseau: ${note}`);
  return exitCodes.ok.status;
}

/** A file, and the sentences for its comments and for stderr. */
interface Output {
  readonly text: string;
  readonly notes: readonly string[];
}

async function firstFile({ resources: given, ...inputs }: FileInputs, call: TrousseauCall): Promise<Output> {
  const resources = given ?? encryptionDefaults.resources;
  const notes = resourceWarnings(resources, await cluster(call));
  const identity = call.options.identity ?? encryptionDefaults.identity;
  return { text: encryptionConfiguration({ ...inputs, resources, identity, steps: true, notes }), notes };
}

async function stageFile(inputs: FileInputs, path: string, stage: Stage, call: TrousseauCall): Promise<Output> {
  // The file can contain keys of other providers.
  const old = await readTextFile(path, readCredentialFile);
  const file = readEncryptionFile(path, old);
  const request: StageRequest = {
    stage,
    name: inputs.name,
    socketPath: inputs.socketPath,
    apiVersion: inputs.kmsVersion === "v2" ? "v2" : "v1",
    ...(inputs.resources === undefined ? {} : { resources: inputs.resources }),
  };
  const { entries, notes } = staged(file, request);
  const written = entries.flatMap(({ kms, resources }) => kms === undefined ? [] : [{ name: kms, resources }]);
  const warnings = resourceWarnings(written.flatMap(({ resources }) => resources), await cluster(call));
  const all = [...file.doubts, ...notes, ...warnings];
  const body = rewritten(withoutCommentBlock(old), entries.map((entry) => planned(entry, inputs)));
  const holdsKeys = keepsKeys(file, entries) || mayHoldKeys(commentsOf(body));
  if (holdsKeys && call.terminal.stdout.isTerminal) {
    throw new UsageError(
      `The file holds keys, which are not shown on a terminal; redirect it: ` +
        `(umask 077; trousseau encryption-config … > ${basename(path)}.${stage}).`,
      "encryption-config",
    );
  }
  const shown = written.map(({ name, resources }) => ({ name, resources: resources.map(printable) }));
  const comments = stageSteps({ ...inputs, stage, holdsKeys, written: shown, notes: all });
  return { text: `${commentBlock(comments, inputs.subject).join("\n")}\n${body}`, notes: all };
}

function planned({ from, resources, providers }: StagedEntry, inputs: FileInputs): PlannedEntry {
  const written = providers.map((one) => {
    if (typeof one === "number") return one;
    return one === "identity" ? "identity: {}" : kmsProvider({ ...inputs, name: one.kms }).join("\n");
  });
  return from === undefined ? { resources, providers: written } : { from, providers: written };
}

function keepsKeys(file: EncryptionFile, entries: readonly StagedEntry[]): boolean {
  return entries.some(({ from, providers }) =>
    providers.some((one) => {
      const kept = from === undefined || typeof one !== "number" ? undefined : file.entries[from]?.providers[one];
      return kept !== undefined && "keys" in kept;
    })
  );
}

/** Whether a comment contains a word as long as 16 bytes in base64: a key that was commented out. */
function mayHoldKeys(comments: string): boolean {
  return /[A-Za-z0-9+/]{22}/.test(comments);
}

/**
 * The cluster's resources if `--kubeconfig` is given; the kubeconfig's parser and the HTTP client are loaded only then.
 */
async function cluster({ options, terminal }: TrousseauCall): Promise<Discovered | undefined> {
  if (options.kubeconfig === undefined) return undefined;
  const { discoverResources } = await import("./encryption_discovery.ts");
  return await discoverResources(options.kubeconfig, terminal.signal);
}

function checkTogether({ options: { from, stage, identity } }: TrousseauCall): void {
  const wrong = (message: string) => new UsageError(message, "encryption-config");
  if (from !== undefined && identity !== undefined) {
    throw wrong("--identity is for a cluster that stores plain text; with --from it is --stage read, write or final.");
  }
  if (from !== undefined && stage === undefined) throw wrong("--from wants --stage read, write or final.");
  if (stage !== undefined && from === undefined) {
    throw wrong("--stage wants --from FILE: the EncryptionConfiguration that the cluster uses today.");
  }
}

function providerName(name: string): string {
  // A colon ends the name in etcd's prefix, and kube-apiserver refuses it.
  if (name.includes(":") || printable(name) !== name) {
    throw new UsageError("--name can hold neither a colon nor a control character.", "encryption-config");
  }
  return name;
}
