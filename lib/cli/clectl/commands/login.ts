/**
 * The command `login`: a client certificate for an enrolment code.
 *
 * @module
 */
import { deadline } from "../../../base/deadline.ts";
import { utf8Text } from "../../../base/bytes.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { readSecret } from "../../secret_input.ts";
import { typedAddress } from "../arguments.ts";
import { KeyringClient } from "../connection/client.ts";
import { Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import { contextNameFor, refuseOtherAddress } from "../contexts/new_context.ts";
import { certificateOf } from "../login/certificate_answer.ts";
import { newClientKey } from "../login/client_key.ts";
import { authorityAt, fingerprintOf } from "../login/first_connection.ts";
import type { ClectlCall } from "../options.ts";
import { printSentence } from "../output/print.ts";
import { requestTimeout } from "../session.ts";

/** Maximum length of a code in bytes. */
const maxCodeBytes = 128;

/** `login URL --fingerprint HEX`: pins the authority, reads the code, and saves context, key and certificate. */
export async function login(call: ClectlCall): Promise<ExitStatus> {
  const { options, positionals: [url], terminal } = call;
  if (options.kubernetes || options.jwt) return await (await import("./machine_login.ts")).loginMachine(call);
  refuseMachineOptions(call);
  if (url === undefined) throw new UsageError('"login" wants URL.', "login");
  const address = typedAddress(url, "URL");
  if (address.kind === "socket") throw new UsageError("A socket needs no login: set CLECTL_ADDRESS to it.", "login");
  if (options.fingerprint === undefined) {
    throw new UsageError(
      "The fingerprint is missing: --fingerprint HEX, as the server printed it at its start.",
      "login",
    );
  }
  const fingerprint = fingerprintOf(options.fingerprint);
  const contexts = new Contexts(requiredFolders(terminal.environment));
  const name = options.context ?? contextNameFor(address);
  await refuseOtherAddress(contexts, name, address.text);
  const timeoutMs = requestTimeout(call);
  using limit = deadline(timeoutMs, terminal.signal);
  const ca = await authorityAt(address, fingerprint, limit.signal);
  const code = await readCode(call);
  const { key, publicKey } = newClientKey();
  using client = new KeyringClient({ address, ca }, terminal.signal, timeoutMs);
  const body = JSON.stringify({ code, publicKey });
  const answer = await client.json({ method: "POST", path: "enrol", body }, certificateOf);
  await contexts.removeCredentials(name);
  await contexts.writeIdentity(name, { certificate: answer.certificate, key });
  await contexts.write({ name, address: address.text, ca: answer.ca ?? ca });
  await contexts.select(name);
  const document = { context: name, address: address.text, notAfter: answer.notAfter };
  await printSentence(call, document, `Logged in at ${address.text}. The context ${name} is current.`);
  return exitCodes.ok.status;
}

/** The options of a machine's login. */
const machineOptions = ["role", "issuer", "token-file", "token-stdin", "ca"] as const;

/** @throws {UsageError} */
function refuseMachineOptions({ options }: ClectlCall): void {
  const other = machineOptions.find((name) => options[name] !== undefined);
  if (other === undefined) return;
  throw new UsageError(`--${other} is for the login of a machine: add --kubernetes or --jwt.`, "login");
}

/** The code from the prompt or standard input. @throws {UsageError} */
async function readCode({ terminal }: ClectlCall): Promise<string> {
  const { input, stderr, signal } = terminal;
  using secret = await readSecret(input, { prompt: "Enrolment code: ", stderr, maxBytes: maxCodeBytes, signal });
  const code = utf8Text(secret.bytes)?.trim() ?? "";
  if (/^[\x21-\x7e]+$/.test(code)) return code;
  throw new UsageError("The enrolment code is missing: type it, or write it to standard input.", "login");
}
