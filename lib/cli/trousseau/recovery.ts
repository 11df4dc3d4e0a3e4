/**
 * `trousseau recovery new` and `trousseau recovery public`.
 *
 * @module
 */
import { exactText } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import { Hpke } from "../../provider/recovery/hpke.ts";
import {
  parsePrivateKey,
  privateKeyText,
  publicKeyText,
  recipientFingerprint,
} from "../../provider/recovery/key_text.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { type Input, processInput, readSecret } from "../secret_input.ts";
import { line } from "../terminal.ts";
import type { TrousseauCall } from "./terminal.ts";

/** The number of characters that are asked for again. */
const confirmedCharacters = 10;

/** Bytes: a key with spaces has about 90. */
const maxInput = 1024;

/**
 * Makes a key pair, shows the private key once, and prints the public key after its last characters were typed.
 *
 * @throws {UsageError} if standard output or input is no terminal and `--plain` is not given.
 * @throws {KmsError} `cancelled` if other characters were typed.
 */
export async function recoveryNew(call: TrousseauCall, input: Input = processInput()): Promise<ExitStatus> {
  const { options, terminal: { stdout, stderr, signal } } = call;
  const { privateKey, publicKey } = await new Hpke().newKeyPair();
  const text = privateKeyText(privateKey);
  if (options.plain) {
    line(stdout, text.replaceAll(" ", ""));
    return exitCodes.ok.status;
  }
  if (!stdout.isTerminal || !input.isTerminal) {
    throw new UsageError(
      "A recovery key is shown on a terminal and nowhere else; --plain prints it in one line to a file or pipe.",
      "recovery new",
    );
  }
  line(stdout, "The recovery key. Write it on paper, and keep the paper in a safe. It is not shown again.");
  line(stdout);
  line(stdout, `  ${text}`);
  line(stdout);
  using typed = await readSecret(input, {
    prompt: `Type its last ${confirmedCharacters} characters from the paper: `,
    stderr,
    maxBytes: maxInput,
    signal,
  });
  const given = (exactText(typed.bytes) ?? "").replace(/\s/g, "").toUpperCase();
  if (given !== text.replaceAll(" ", "").slice(-confirmedCharacters)) {
    throw new KmsError(
      "cancelled",
      "These are not the last characters of the key: nothing was made. Begin again, and compare each group.",
    );
  }
  line(stdout, "The public key, for recipients of a provider of kind recovery:");
  line(stdout);
  printPublic(publicKey, (text) => stdout.write(text), (text) => line(stdout, text));
  return exitCodes.ok.status;
}

/** Reads a private key from a prompt or standard input, and prints its public key and, on stderr, its fingerprint. */
export async function recoveryPublic(call: TrousseauCall, input: Input = processInput()): Promise<ExitStatus> {
  const { stdout, stderr, signal } = call.terminal;
  using typed = await readSecret(input, { prompt: "The recovery key: ", stderr, maxBytes: maxInput, signal });
  const key = parsePrivateKey(exactText(typed.bytes) ?? "");
  if (key === undefined) {
    throw new KmsError(
      "config",
      "Cannot read the recovery key: it is not one that trousseau recovery new prints; compare each character.",
    );
  }
  const { publicKey } = await new Hpke().keyPairOf(key);
  key.fill(0);
  printPublic(publicKey, (text) => stdout.write(text), (text) => line(stderr, text));
  return exitCodes.ok.status;
}

function printPublic(publicKey: Uint8Array, write: (text: string) => void, note: (text: string) => void): void {
  write(`${publicKeyText(publicKey)}\n`);
  const fingerprint = recipientFingerprint(publicKey);
  note(`Fingerprint: ${fingerprint}`);
}
