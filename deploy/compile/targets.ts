/**
 * The machines that a binary is compiled for.
 *
 * @module
 */

import { standInSuffix } from "../../lib/release/verify_binary.ts";

/** A machine in Debian's and Go's word, which the names of files use. */
export type Architecture = "amd64" | "arm64";

/** Deno's target of each machine, and the npm package of the deno CLI, which can stand in for `denort`. */
export const targets = {
  amd64: { triple: "x86_64-unknown-linux-gnu", standIn: "@deno/linux-x64-glibc" },
  arm64: { triple: "aarch64-unknown-linux-gnu", standIn: "@deno/linux-arm64-glibc" },
} as const satisfies Record<Architecture, { readonly triple: string; readonly standIn: string }>;

/** All machines, in the order in which they are compiled. */
export const architectures: readonly Architecture[] = ["amd64", "arm64"];

/** The machine that this runs on. @throws {Error} if no binary is made for it. */
export function ownArchitecture(): Architecture {
  return architectureOf(Deno.build.target);
}

/**
 * The machine of `--target`.
 *
 * @param name `amd64`, `arm64`, or a target of Deno's such as `aarch64-unknown-linux-gnu`.
 * @throws {Error} if no binary is made for it.
 */
export function architectureOf(name: string): Architecture {
  const found = architectures.find((one) => one === name || targets[one].triple === name);
  if (found === undefined) throw new Error(`Cannot compile for ${name}: only amd64 and arm64 Linux are supported.`);
  return found;
}

/** The name of a binary in `dist/`. @param standIn whether it is made around another runtime than `denort`. */
export function binaryName(artefact: string, architecture: Architecture, standIn: boolean): string {
  return `${artefact}-linux-${architecture}${standIn ? standInSuffix : ""}`;
}
