/**
 * Packages of Debian with a few bytes each, made by the real `dpkg-deb`, and a mirror that serves them.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { sha256Hex } from "../../lib/base/bytes.ts";
import { architectures } from "../../deploy/compile/targets.ts";
import type { DebianFile, DebianTable } from "../../deploy/images/debian_table.ts";
import { run } from "./processes.ts";

/** Files by their paths, and links by a value that begins with an arrow. */
type Tree = Readonly<Record<string, string>>;

const trees: Readonly<Record<string, Tree>> = {
  "base-files": {
    "bin": "->usr/bin",
    "lib": "->usr/lib",
    "usr/lib/os-release": "ID=debian\n",
    "etc/os-release": "->../usr/lib/os-release",
    "etc/issue": "left out\n",
    "usr/share/common-licenses/GPL-3": "a licence\n",
    "usr/share/doc/base-files/changelog.gz": "left out\n",
  },
  "ca-certificates": {
    "usr/share/ca-certificates/mozilla/B.crt": "second\n",
    "usr/share/ca-certificates/mozilla/A.crt": "first",
    "usr/sbin/update-ca-certificates": "left out\n",
  },
  "gcc-14-base": { "usr/share/doc/gcc-14-base/copyright": "a licence\n" },
  "libc6": { "usr/lib/x/libc.so.6": "a library\n", "usr/share/doc/libc6/copyright": "a licence\n" },
  "libgcc-s1": { "usr/lib/x/libgcc_s.so.1": "a library\n", "usr/share/doc/libgcc-s1": "->gcc-14-base" },
  "busybox-static": { "usr/bin/busybox": "a shell\n", "usr/share/man/man1/busybox.1.gz": "left out\n" },
};

/** The table of such packages. Their files are in `folder`, as a mirror has them. */
export async function tinyDebian(folder: string): Promise<DebianTable> {
  const rows: [string, DebianTable[string]][] = [];
  for (const [name, tree] of Object.entries(trees)) {
    const [amd64, arm64] = await Promise.all(architectures.map((one) => makeDeb(folder, name, one, tree)));
    if (amd64 !== undefined && arm64 !== undefined) rows.push([name, { amd64, arm64 }]);
  }
  return Object.fromEntries(rows);
}

async function makeDeb(folder: string, name: string, architecture: string, tree: Tree): Promise<DebianFile> {
  const version = "1.0-1";
  const source = join(folder, "source", `${name}-${architecture}`);
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\n` +
    "Maintainer: Nobody <nobody@localhost>\nDescription: a package of a test\n";
  for (const [path, text] of Object.entries({ "DEBIAN/control": control, ...tree })) {
    await Deno.mkdir(dirname(join(source, path)), { recursive: true });
    if (text.startsWith("->")) await Deno.symlink(text.slice(2), join(source, path));
    else await Deno.writeTextFile(join(source, path), text);
  }
  const path = `pool/main/${name}_${version}_${architecture}.deb`;
  const file = join(folder, "debian", path);
  await Deno.mkdir(dirname(file), { recursive: true });
  const { code, stderr } = await run("dpkg-deb", ["--root-owner-group", "--build", source, file]);
  if (code !== 0) throw new Error(`dpkg-deb ended with ${code}: ${stderr}`);
  const bytes = await Deno.readFile(file);
  return { version, archive: "debian", path, size: bytes.length, sha256: sha256Hex(bytes) };
}

/** A mirror on this machine. */
export interface TinyMirror extends AsyncDisposable {
  /** Its address, without `/debian` at the end. */
  readonly address: string;
  /** The paths that it was asked for. */
  readonly asked: readonly string[];
}

/** Serves the files of `folder`, or what `answer` gives. */
export function serveMirror(
  folder: string,
  answer: () => Response | undefined = () => undefined,
): TinyMirror {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname;
    asked.push(path);
    const other = answer();
    if (other !== undefined) return other;
    const bytes = await Deno.readFile(join(folder, path)).catch(() => undefined);
    return bytes === undefined ? new Response("", { status: 404 }) : new Response(bytes);
  });
  return {
    address: `http://127.0.0.1:${server.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
