/**
 * A binary of a release, as its own bytes describe it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { parseSourceMark, type SourceMark } from "../base/version.ts";
import { elfHeaderBytes, elfMachine } from "./elf_header.ts";
import { ReleaseError } from "./release_error.ts";

/** The runtime that a binary was made around. */
export interface RuntimeOfBinary {
  /** The runtime's own first 64 bytes: compiling changes them in the binary, and leaves the rest of the runtime. */
  readonly header: Uint8Array;
  /** Bytes of the runtime. */
  readonly size: number;
}

/** The facts. */
export interface BinaryFacts {
  /** `undefined` if this is no ELF file for one of them. */
  readonly machine: "amd64" | "arm64" | undefined;
  /** `undefined` if the program says no commit. */
  readonly source: SourceMark | undefined;
  /** The packages in the program as `name@version`, sorted; `undefined` if it does not say them. */
  readonly packages: readonly string[] | undefined;
  /** SHA-256 of the runtime inside, in lowercase hex. */
  readonly runtime: string;
}

/** The most bytes that follow the runtime: the program has about 7 MB. */
const maxProgramBytes = 256 * 1024 * 1024;

/**
 * Reads a binary.
 *
 * @throws {ReleaseError} if it is smaller than its runtime, or much larger.
 */
export async function readBinaryFacts(path: string, { header, size }: RuntimeOfBinary): Promise<BinaryFacts> {
  using file = await Deno.open(path);
  const program = (await file.stat()).size - size;
  if (size < elfHeaderBytes || program < 0 || program > maxProgramBytes) {
    throw new ReleaseError(
      "It does not have the size of a binary around the runtime that the bill of materials names.",
    );
  }
  const first = await readExactly(file, elfHeaderBytes);
  const hash = createHash("sha256").update(header);
  for (let left = size - elfHeaderBytes; left > 0;) {
    const chunk = await readExactly(file, Math.min(left, 1 << 20));
    hash.update(chunk);
    left -= chunk.length;
  }
  const text = new TextDecoder("latin1").decode(await readExactly(file, program));
  const [, packages] = /\/\* packages: ([^*\n]*) \*\//.exec(text) ?? [];
  return {
    machine: elfMachine(first),
    source: parseSourceMark(text),
    packages: packages?.split(" "),
    runtime: hash.digest("hex"),
  };
}

async function readExactly(file: Deno.FsFile, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) throw new ReleaseError("The file became shorter while it was read.");
    at += read;
  }
  return bytes;
}
