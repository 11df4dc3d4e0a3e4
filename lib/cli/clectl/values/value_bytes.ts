/**
 * The bytes of a value: from a prompt, standard input, a file or a pipe; never from an argument.
 *
 * @module
 */
import { equalBytes } from "../../../base/bytes.ts";
import { readRegularFile, whyUnreadable, withFile } from "../../../base/durable_file.ts";
import { secretLimits } from "../../../api/keyring/fields.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { UsageError } from "../../command.ts";
import { type Input, readSecret, SecretBytes } from "../../secret_input.ts";
import { printable } from "../../terminal.ts";
import type { ClectlCall } from "../options.ts";

/** A value, and where it has been before. */
export interface GivenValue extends Disposable {
  readonly secret: SecretBytes;
  /** A sentence for the person about the copies that are left; none for a typed value. */
  readonly remark: string | undefined;
}

/**
 * Reads a value as the options say.
 *
 * @param what the name of the value in a prompt.
 * @param keepNewline whether a newline at the end of standard input belongs to it. In a file it always does.
 * @throws {UsageError} if the options do not name one source. @throws {KeyringError} `request_invalid` for a file that
 *   cannot be read.
 */
export async function readValue(call: ClectlCall, what: string, keepNewline: boolean): Promise<GivenValue> {
  const { options, terminal, program } = call;
  const { stdin, file } = options;
  if (stdin && file !== undefined) throw new UsageError("--stdin and --file are two values; give one.");
  if (file !== undefined) return await valueOfFile(file, call);
  if (!stdin && !terminal.input.isTerminal) {
    throw new UsageError("The value is missing: standard input is not a terminal, so use --stdin or --file FILE.");
  }
  if (terminal.input.isTerminal) return given(await typedTwice(call, what));
  const { stderr, signal, input } = terminal;
  const reading = { prompt: "", stderr, maxBytes: secretLimits.totalBytes, keepNewline, signal };
  return given(
    await readSecret(input, reading),
    `${program.name}: The value came over a pipe. If a command line has it, such as that of printf, it is also in the ` +
      "history of the shell.",
  );
}

function given(secret: SecretBytes, remark?: string): GivenValue {
  return { secret, remark, [Symbol.dispose]: () => secret[Symbol.dispose]() };
}

async function typedTwice({ terminal }: ClectlCall, what: string): Promise<SecretBytes> {
  const { stderr, signal, input } = terminal;
  const reading = { stderr, maxBytes: secretLimits.totalBytes, signal };
  const first = await readSecret(input, { ...reading, prompt: `${what}: ` });
  using second = await readSecret(input, { ...reading, prompt: "The same again: " });
  if (equalBytes(first.bytes, second.bytes)) return first;
  first[Symbol.dispose]();
  throw new UsageError("The two typed values are not the same. Nothing was sent.");
}

/**
 * The bytes of a file, or of a pipe as `/dev/fd/N`.
 *
 * @throws {UsageError} @throws {KeyringError} `request_invalid`
 */
export async function valueOfFile(path: string, { program, terminal }: ClectlCall): Promise<GivenValue> {
  const shown = printable(path);
  if (path === "-" || path === "/dev/stdin") throw new UsageError("Standard input is --stdin, and not a file.");
  if (isPipe(path)) {
    const remark = `${program.name}: The value came from the pipe ${shown}. The arguments of the command that wrote ` +
      "it were visible to other users while it ran.";
    return given(await fromPipe(path, terminal.signal), remark);
  }
  return given(
    new SecretBytes(await fileBytes(path, secretLimits.totalBytes)),
    `${program.name}: The value stays in ${shown}, in its copies and in backups of it; remove what is not needed.`,
  );
}

/** @throws {KeyringError} `request_invalid` */
export async function fileBytes(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    return await readRegularFile(path, maxBytes);
  } catch (thrown) {
    throw new KeyringError("request_invalid", `Cannot read ${printable(path)}: ${whyUnreadable(thrown, path)}.`);
  }
}

/** Whether a path names a descriptor of this process, as the shell's `<(…)` does. */
function isPipe(path: string): boolean {
  return /^\/dev\/fd\/\d{1,5}$/.test(path);
}

async function fromPipe(path: string, signal: AbortSignal): Promise<SecretBytes> {
  try {
    return await withFile(path, { read: true }, async (file) => {
      if (!(await file.stat()).isFifo) {
        throw new UsageError(`${path} is no pipe; use --stdin, or a file by its own path.`);
      }
      const input: Input = { isTerminal: false, read: (into) => file.read(into), setRaw: () => {} };
      const stderr = { isTerminal: false, write: () => {} };
      const reading = { prompt: "", stderr, maxBytes: secretLimits.totalBytes, keepNewline: true, signal };
      return await readSecret(input, reading);
    });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotCapable)) throw thrown;
    throw new KeyringError("request_invalid", `Cannot read ${path}: there is no such pipe.`);
  }
}
