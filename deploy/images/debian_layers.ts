/**
 * The layers that are made of Debian packages: no script of a package runs.
 *
 * @module
 */
import { compareTexts, concat, utf8 } from "../../lib/base/bytes.ts";
import type { DebContents } from "./deb_contents.ts";
import type { LayerEntry } from "./layer.ts";

/** A package by its name. */
export type NamedContents = DebContents & { readonly name: string };

/** The user that the program runs as. */
export const imageUser = 65532;

/**
 * The files that are taken from packages; every other one is left out: manual pages, changelogs, translations, and
 * programs that only a package manager or a login needs.
 */
const takenFiles = [
  /^(bin|lib|lib64|sbin)$/,
  /^etc\/(debian_version|host\.conf|ld\.so\.conf\.d\/.*|os-release)$/,
  /^usr\/bin\/busybox$/,
  /^usr\/lib\/.*/,
  /^usr\/lib64\/.*/,
  /^usr\/share\/common-licenses\/.*/,
  /^usr\/share\/doc\/[^/]+$/,
  /^usr\/share\/doc\/[^/]+\/copyright$/,
] as const;

/** The folders that hold no file. */
const folders: readonly LayerEntry[] = [
  ...["dev", "home", "proc", "run", "sys", "var/lib"].map((name) => folder(name, 0o755)),
  { name: "home/nonroot", type: "directory", mode: 0o700, owner: imageUser },
  folder("root", 0o700),
  folder("tmp", 0o1777),
  folder("var/tmp", 0o1777),
];

function folder(name: string, mode: number): LayerEntry {
  return { name, type: "directory", mode };
}

/** The base: libraries, authorities, licences, users and empty folders. @throws {Error} without any authority. */
export function baseEntries(packages: readonly NamedContents[]): LayerEntry[] {
  return [
    ...packages.flatMap(packageEntries),
    ...folders,
    ...Object.entries(accounts).map(([name, text]) => textFile(name, text)),
    { name: "etc/ssl/certs/ca-certificates.crt", type: "file", mode: 0o644, body: authorities(packages) },
  ];
}

/** The shell and its tools. */
export function debugEntries(packages: readonly NamedContents[]): LayerEntry[] {
  // The shell runs the other tools of busybox by their names, without a link for each.
  return [...packages.flatMap(packageEntries), { name: "usr/bin/sh", type: "symlink", linkname: "busybox" }];
}

function packageEntries({ name, control, entries }: NamedContents): LayerEntry[] {
  const taken = entries.filter((entry) => takenFiles.some((pattern) => pattern.test(entry.name)));
  // Scanners of vulnerabilities look for the packages of an image without a package manager here.
  return [...taken, { name: `var/lib/dpkg/status.d/${name}`, type: "file", mode: 0o644, body: control }];
}

/** As Debian's scripts would write them. */
const accounts = {
  "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n" +
    `nonroot:x:${imageUser}:${imageUser}:nonroot:/home/nonroot:/sbin/nologin\n` +
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
  "etc/group": `root:x:0:\nnonroot:x:${imageUser}:\nnogroup:x:65534:\n`,
  // Without this file glibc asks DNS before /etc/hosts.
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
} as const;

function textFile(name: string, text: string): LayerEntry {
  return { name, type: "file", mode: 0o644, body: utf8(text) };
}

/** One file with all authorities, as `update-ca-certificates` makes it. */
function authorities(packages: readonly NamedContents[]): Uint8Array {
  const found = packages.flatMap(({ entries }) => entries)
    .filter(({ name }) => /^usr\/share\/ca-certificates\/.*\.crt$/.test(name))
    .toSorted((one, other) => compareTexts(one.name, other.name))
    .flatMap((entry) => entry.type === "file" ? [withNewline(entry.body)] : []);
  if (found.length === 0) {
    throw new Error("Cannot make the base layer: the package ca-certificates has no certificate.");
  }
  return concat(...found);
}

function withNewline(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 10 ? bytes : concat(bytes, utf8("\n"));
}
