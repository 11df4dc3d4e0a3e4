import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { waitFor } from "../../tests/support/processes.ts";
import { utf8, utf8Text } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { UsageError } from "./command.ts";
import { type Input, readSecret, SecretBytes } from "./secret_input.ts";

const never = new AbortController().signal;

/** An input that returns one chunk for each read, and records their later content. */
class Double implements Input {
  readonly isTerminal: boolean;
  readonly raw: boolean[] = [];
  readonly buffers: Uint8Array[] = [];
  readonly #chunks: Uint8Array[];

  constructor(isTerminal: boolean, chunks: readonly (string | Uint8Array)[]) {
    this.isTerminal = isTerminal;
    this.#chunks = chunks.map((chunk) => typeof chunk === "string" ? utf8(chunk) : chunk);
  }

  read(into: Uint8Array): Promise<number | null> {
    this.buffers.push(into);
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return this.isTerminal ? new Promise(() => {}) : Promise.resolve(null);
    into.set(chunk);
    return Promise.resolve(chunk.length);
  }

  setRaw(raw: boolean): void {
    this.raw.push(raw);
  }
}

async function read(input: Double, maxBytes = 16, signal = never) {
  let shown = "";
  const stderr = { isTerminal: true, write: (text: string) => void (shown += text) };
  try {
    using secret = await readSecret(input, { prompt: "Secret: ", stderr, maxBytes, signal });
    return { bytes: secret.bytes.slice(), shown };
  } finally {
    // Every chunk is overwritten in the next turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const buffer of input.buffers.slice(0, -1)) {
      ok(buffer.every((byte) => byte === 0), "a chunk is left in memory");
    }
    if (input.isTerminal) deepEqual([input.raw, shown], [[true, false], "Secret: \n"]);
    else deepEqual([input.raw, shown], [[], ""]);
  }
}

for (
  const [chunks, expected] of [
    [["abc\n"], "abc"],
    [["abc\r"], "abc"],
    [["a", "b", "c", "\r"], "abc"],
    [["ab\x7fc\n"], "ac"],
    [["ab\x08c\n"], "ac"],
    [["\x7f\x7fa\n"], "a"],
    [["aé\x7f\n"], "a"],
    [["a\u{1f511}\x7fb\n"], "ab"],
    [["abc\x15d\n"], "d"],
    [["\x1b[Aabc\x15d\n"], "d"],
    [["abc\x04"], "abc"],
    [["\n"], ""],
    [["p\u00e4ss word \n"], "p\u00e4ss word "],
    [["0123456789abcdef\n"], "0123456789abcdef"],
    [["0123456789abcdef0\x15abc\n"], "abc"],
  ] as const
) {
  Deno.test(`readSecret() reads ${JSON.stringify(chunks)} from a terminal as ${JSON.stringify(expected)}`, async () => {
    equal(utf8Text((await read(new Double(true, chunks))).bytes), expected);
  });
}

for (
  const [chunks, expected] of [
    [["abc"], "abc"],
    [["abc\n"], "abc"],
    [["abc\r\n"], "abc"],
    [["abc\r", "\n"], "abc"],
    [["abc\n\n"], "abc\n"],
    [["a\n", "b\n"], "a\nb"],
    [["\n"], ""],
    [[], ""],
    [["abc\r"], "abc\r"],
    [["a\x03\x7f\x1bb"], "a\x03\x7f\x1bb"],
    [["0123456789abcdef\r\n"], "0123456789abcdef"],
  ] as const
) {
  Deno.test(`readSecret() reads ${JSON.stringify(chunks)} from a pipe as ${JSON.stringify(expected)}`, async () => {
    equal(utf8Text((await read(new Double(false, chunks))).bytes), expected);
  });
}

Deno.test("readSecret() reads bytes that are not text from a pipe", async () => {
  const bytes = Uint8Array.of(0, 255, 10, 254);
  deepEqual((await read(new Double(false, [bytes]))).bytes, bytes);
});

for (
  const [isTerminal, chunks, complaint] of [
    [true, ["0123456789abcdefg\n"], /^The secret has more than 16 bytes\.$/],
    [true, ["0123456789abcdefg\x7f\n"], /^The secret has more than 16 bytes\.$/],
    [false, ["0123456789abcdefg"], /^The secret has more than 16 bytes\.$/],
    [false, ["0123456789abcdef\n\n"], /^The secret has more than 16 bytes\.$/],
    [false, ["0".repeat(1000), "0".repeat(1000)], /^The secret has more than 16 bytes\.$/],
    [true, ["ab\x1b[D\n"], /^The typed secret has a control character/],
    [true, ["ab\tc\n"], /^The typed secret has a control character/],
  ] as const
) {
  const from = isTerminal ? "a terminal" : "a pipe";
  Deno.test(`readSecret() refuses ${JSON.stringify(chunks).slice(0, 40)} from ${from}, and does not print it`, async () => {
    await rejects(read(new Double(isTerminal, chunks)), (thrown) => {
      ok(thrown instanceof UsageError);
      match(thrown.message, complaint);
      return true;
    });
  });
}

Deno.test("readSecret() is cancelled by Ctrl-C, and restores the terminal", async () => {
  await rejects(read(new Double(true, ["abc\x03def\n"])), (thrown) => {
    ok(thrown instanceof KmsError);
    equal(thrown.code, "cancelled");
    return true;
  });
});

Deno.test("readSecret() is cancelled by the signal, and restores the terminal", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 0);
  await rejects(read(new Double(true, ["abc"]), 16, controller.signal), (thrown) => {
    ok(thrown instanceof KmsError);
    equal(thrown.code, "cancelled");
    return true;
  });
});

Deno.test("SecretBytes are zeros after they are disposed of, and never printed", () => {
  const secret = new SecretBytes(utf8("abc"));
  equal(Deno.inspect(secret) + JSON.stringify(secret), '[secret]"[secret]"');
  secret[Symbol.dispose]();
  deepEqual(secret.bytes, new Uint8Array(3));
});

/** Types into a program on a terminal of its own, after it has shown its prompt. */
async function onTerminal(folder: string, type: string | Deno.Signal) {
  const here = import.meta.dirname ?? ".";
  const program = join(folder, "program.ts");
  await Deno.writeTextFile(
    program,
    `import { processInput, readSecret } from "${here}/secret_input.ts";
     import { stopSignal } from "${here}/stop_signal.ts";
     import { processOutput } from "${here}/terminal.ts";
     await Deno.writeTextFile("${folder}/pid", String(Deno.pid));
     const { signal } = stopSignal();
     try {
       const stderr = processOutput(Deno.stderr);
       using secret = await readSecret(processInput(), { prompt: "Secret: ", stderr, maxBytes: 64, signal });
       await Deno.writeFile("${folder}/secret", secret.bytes);
     } catch (thrown) {
       await Deno.writeTextFile("${folder}/failure", thrown.code ?? thrown.message);
     }
     Deno.exit(0);`,
  );
  const run = `'${Deno.execPath()}' run --quiet --no-check --allow-all '${program}'`;
  const script = `stty -a > '${folder}/before'; ${run}; stty -a > '${folder}/after'`;
  const child = new Deno.Command("script", {
    args: ["--quiet", "--flush", "--return", "--command", script, "/dev/null"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let shown = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) shown += text;
  })();
  const writer = child.stdin.getWriter();
  await waitFor("the prompt", () => shown.includes("Secret: "), { timeoutMs: 30_000, everyMs: 20 });
  if (type.startsWith("SIG")) Deno.kill(Number(await Deno.readTextFile(`${folder}/pid`)), type as Deno.Signal);
  else await writer.write(utf8(type));
  await child.status;
  await writer.close().catch(() => {});
  await reading;
  const file = (name: string) => Deno.readTextFile(join(folder, name)).catch(() => undefined);
  equal(await file("after"), await file("before"), "the terminal is as it was");
  return { shown, secret: await file("secret"), failure: await file("failure") };
}

Deno.test("readSecret() echoes nothing that is typed into a real terminal", () =>
  inFolder(async (folder) => {
    const { shown, secret, failure } = await onTerminal(folder, "correct horst\x7fe\r");
    deepEqual([secret, failure], ["correct horse", undefined]);
    match(shown, /^Secret: \r?\n\r?$/);
  }));

for (const type of ["half\x03", "SIGTERM"] as const) {
  Deno.test(`readSecret() restores a real terminal after ${JSON.stringify(type)}`, () =>
    inFolder(async (folder) => {
      const { shown, secret, failure } = await onTerminal(folder, type);
      deepEqual([secret, failure], [undefined, "cancelled"]);
      ok(!shown.includes("half"));
    }));
}

Deno.test("readSecret() keeps a newline at the end of a pipe if it belongs to the secret", async () => {
  const stderr = { isTerminal: false, write: () => {} };
  const options = { prompt: "", stderr, maxBytes: 4, signal: never };
  for (const [given, stripped] of [["a\n", "a"], ["a\r\n", "a"], ["\n", ""], ["abcd", "abcd"]] as const) {
    using kept = await readSecret(new Double(false, [given]), { ...options, keepNewline: true });
    equal(utf8Text(kept.bytes), given);
    using other = await readSecret(new Double(false, [given]), options);
    equal(utf8Text(other.bytes), stripped);
  }
  await rejects(readSecret(new Double(false, ["abcd\n"]), { ...options, keepNewline: true }), UsageError);
});
