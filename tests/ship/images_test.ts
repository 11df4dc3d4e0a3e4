/**
 * The images of a release, with the committed table of Debian packages, in the tools that read and run images.
 *
 * Where there is no runtime to compile with, the program in them is Deno itself, and it runs the staged modules, which
 * the container has mounted: libraries, user and entry point are those of the image all the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { runFlags, trousseau } from "../../deploy/compile/artefacts.ts";
import { provideBase } from "../../deploy/compile/base.ts";
import { compile } from "../../deploy/compile/compile.ts";
import { repository, stage } from "../../deploy/compile/stage.ts";
import { architectures, ownArchitecture } from "../../deploy/compile/targets.ts";
import { debianMirror } from "../../deploy/images/debian_mirror.ts";
import { readDebianTable, writeDebianTable } from "../../deploy/images/debian_table.ts";
import { newestPackages } from "../../deploy/images/debian_update.ts";
import { images, imagesFile, type ImageTags, imageTags } from "../../deploy/images/images.ts";
import { version } from "../../lib/base/version.ts";
import { elfMachine } from "../../lib/release/elf_header.ts";
import { listFiles } from "../../lib/release/release_files.ts";
import { findRuntime, type Runtime } from "../compile/support.ts";
import { Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { ImageBundle, tool } from "./image_bundle.ts";

const staged = "/opt/staged";

/** The images in a folder, and the way to run their program. */
interface ImageStage {
  readonly folder: string;
  readonly archive: string;
  readonly tags: ImageTags;
  /** Runs the image's entry point with words. */
  runProgram(bundle: ImageBundle, ...words: readonly string[]): ReturnType<ImageBundle["run"]>;
}

async function onImages(work: (stage: ImageStage) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    // The image's user reads the staged modules.
    await Deno.chmod(folder, 0o755);
    const { real, env } = await findRuntime();
    await writeProgram(join(folder, "program"), folder, real, env);
    await Deno.writeTextFile(join(folder, "sbom.cdx.json"), "{}\n");
    const { entry } = await stage(join(folder, "stage"));
    const binaries = architectures.map((architecture) =>
      ({ artefact: "trousseau", architecture, path: "program", standIn: !real }) as const
    );
    const identity = { version, commit: "0".repeat(40), sourceDate: 1_700_000_000 };
    const context = { ...identity, root: repository, dist: folder, binaries };
    assert.deepEqual(await images.make(context, AbortSignal.timeout(300_000)), [imagesFile(version, !real)]);
    // A compiled program has its flags and modules inside.
    const first = real ? [] : [...runFlags(trousseau), entry.replace(join(folder, "stage"), staged)];
    await work({
      folder,
      archive: join(folder, imagesFile(version, !real)),
      tags: imageTags(version, !real),
      runProgram: (bundle, ...words) => {
        const [entryPoint = ""] = bundle.config.process.args;
        return bundle.run([entryPoint, ...first, ...words], real ? {} : { [staged]: join(folder, "stage") });
      },
    });
  });
}

async function writeProgram(path: string, folder: string, real: boolean, env: Runtime["env"]): Promise<void> {
  if (!real) return await Deno.copyFile(Deno.execPath(), path);
  const architecture = ownArchitecture();
  // The table of sums may lack this runtime; the images of this test are no release.
  const base = await provideBase({ architecture, folder, standIn: true, given: env["DENORT_BIN"] });
  await compile(path, { architecture, base });
}

/** The programs of an image that are not libraries. */
async function programsOf(bundle: ImageBundle): Promise<readonly string[]> {
  const found = (await listFiles(bundle.path("."))).filter(({ isFile }) => isFile).map(({ file }) => file);
  const modes = await Promise.all(found.map(async (file) => (await Deno.stat(bundle.path(file))).mode ?? 0));
  return found.filter((file, at) => ((modes[at] ?? 0) & 0o111) !== 0 && !/\.so(\.\d+)*$/.test(file)).toSorted();
}

Deno.test("images: skopeo, umoci, runc and containerd take both of them, for both machines", async (t) => {
  await onImages(async ({ folder, archive, tags, runProgram }) => {
    await t.step("skopeo names both machines, and the labels", async () => {
      for (const tag of [tags.plain, tags.debug]) {
        const { manifests } = JSON.parse(await tool("skopeo", "inspect", "--raw", `oci-archive:${archive}:${tag}`));
        const machines = manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture);
        assert.deepEqual(machines, ["amd64", "arm64"]);
        for (const machine of architectures) {
          const image = await tool("skopeo", "inspect", "--override-arch", machine, `oci-archive:${archive}:${tag}`);
          const { Labels, Architecture, Created } = JSON.parse(image);
          assert.deepEqual([Architecture, Created], [machine, "2023-11-14T22:13:20Z"]);
          assert.equal(Labels["org.opencontainers.image.version"], version);
        }
      }
    });

    const own = ownArchitecture();
    const plain = await ImageBundle.unpack(archive, tags.plain, own, join(folder, "plain"));
    const debug = await ImageBundle.unpack(archive, tags.debug, own, join(folder, "debug"));

    await t.step("the program runs read-only, as the image's user", async () => {
      for (const bundle of [plain, debug]) {
        const { user: { uid, gid }, args } = bundle.config.process;
        assert.deepEqual([uid, gid], [65532, 65532]);
        assert.deepEqual(args.slice(1), ["serve", "--config", "/etc/trousseau/trousseau.yaml"]);
        const { code, stdout, stderr } = await runProgram(bundle, "version", "--json");
        assert.equal(code, 0, stderr);
        assert.equal(JSON.parse(stdout).version, version);
      }
    });

    await t.step("the words of the image look for the configuration at its place", async () => {
      const { code, stdout, stderr } = await runProgram(plain, ...plain.config.process.args.slice(1));
      assert.equal(code, 78, stdout + stderr);
      assert.match(stdout + stderr, /\/etc\/trousseau\/trousseau\.yaml/);
    });

    await t.step("every library of the program is in the image", async () => {
      const [entryPoint = ""] = plain.config.process.args;
      const [loader] = (await listFiles(plain.path("usr/lib"))).filter(({ file }) => /\/?ld-linux-.*\.so/.test(file));
      const { code, stdout, stderr } = await plain.run([`/usr/lib/${loader?.file}`, "--list", entryPoint]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /libgcc_s\.so\.1 => \/(usr\/)?lib\//);
      assert.doesNotMatch(stdout, /not found/);
    });

    await t.step("the plain image has no program but its own; the other one has a shell", async () => {
      assert.deepEqual(await programsOf(plain), ["usr/local/bin/trousseau"]);
      assert.deepEqual(await programsOf(debug), ["usr/bin/busybox", "usr/local/bin/trousseau"]);
      const command = ["sh", "-c", "id -u; ls -d /tmp; touch /etc/x || echo read-only"];
      const { code, stdout } = await debug.run(command);
      assert.deepEqual([code, stdout], [0, "65532\n/tmp\nread-only\n"]);
      const without = await plain.run(command);
      assert.notEqual(without.code, 0);
      assert.match(without.stderr, /executable file not found/);
    });

    await t.step("a client of TLS finds the authorities, and a scanner the packages and licences", async () => {
      const bundle = await Deno.readTextFile(plain.path("etc/ssl/certs/ca-certificates.crt"));
      assert.ok([...bundle.matchAll(/^-----BEGIN CERTIFICATE-----$/gm)].length > 100);
      assert.doesNotMatch(bundle, /----------/);
      for (const name of ["base-files", "ca-certificates", "gcc-14-base", "libc6", "libgcc-s1"]) {
        const control = await Deno.readTextFile(plain.path(`var/lib/dpkg/status.d/${name}`));
        assert.match(control, new RegExp(`^Package: ${name}$`, "m"));
        assert.ok((await Deno.stat(plain.path(`usr/share/doc/${name}/copyright`))).size > 100, name);
      }
      assert.match(await Deno.readTextFile(plain.path("etc/os-release")), /^VERSION_ID="13"$/m);
      assert.match(await Deno.readTextFile(plain.path("usr/share/doc/trousseau/LICENSE")), /Apache License/);
    });

    await t.step("the image of the other machine has its libraries", async () => {
      const other = own === "amd64" ? "arm64" : "amd64";
      const bundle = await ImageBundle.unpack(archive, tags.debug, other, join(folder, "other"));
      const files = (await listFiles(bundle.path("usr"))).filter(({ isFile }) => isFile).map(({ file }) => file);
      const objects = files.filter((file) => /\/(libc\.so\.6|libgcc_s\.so\.1|busybox)$/.test(file));
      assert.equal(objects.length, 3);
      for (const file of objects) {
        assert.equal(elfMachine((await Deno.readFile(bundle.path(`usr/${file}`))).subarray(0, 64)), other, file);
      }
    });

    await t.step("containerd imports them under the name that the manifests use", async () => {
      assert.deepEqual(await importedByContainerd(join(folder, "containerd"), archive), [
        `localhost/trousseau:${tags.plain}`,
        `localhost/trousseau:${tags.debug}`,
      ]);
    });

    await t.step("skopeo refuses a layer with a changed byte", async () => {
      const bytes = await Deno.readFile(archive);
      const at = bytes.findIndex((byte, index) => byte === 0x1f && bytes[index + 1] === 0x8b) + 1000;
      assert.ok(at > 1000);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const forged = join(folder, "forged.tar");
      await Deno.writeFile(forged, bytes);
      const copy = ["copy", "--all", `oci-archive:${forged}:${tags.debug}`, `oci:${join(folder, "copy")}:one`];
      const { code, stderr } = await run("skopeo", copy);
      assert.notEqual(code, 0);
      assert.match(stderr, /[Dd]igest/);
    });
  });
});

Deno.test("newestPackages() finds each package in Debian's signed lists, for both machines", async () => {
  const found = await newestPackages(await debianMirror(), AbortSignal.timeout(300_000));
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "deploy/images"), { recursive: true });
    await writeDebianTable(folder, found);
    assert.deepEqual(await readDebianTable(folder), found);
  });
  assert.match(found["libc6"]?.arm64.path ?? "", /^pool\/(updates\/)?main\/g\/glibc\/libc6_.*_arm64\.deb$/);
  assert.deepEqual(found["ca-certificates"]?.amd64, found["ca-certificates"]?.arm64);
});

/** Imports an archive into a containerd of its own. @returns the names of the images. */
async function importedByContainerd(folder: string, archive: string): Promise<readonly string[]> {
  await Deno.mkdir(folder);
  const [settings, socket] = [join(folder, "config.toml"), join(folder, "socket")];
  const text = [
    "version = 2",
    `root = ${JSON.stringify(join(folder, "root"))}`,
    `state = ${JSON.stringify(join(folder, "state"))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\naddress = ${JSON.stringify(socket)}`,
  ];
  await Deno.writeTextFile(settings, `${text.join("\n")}\n`);
  await using daemon = new Process({ name: "containerd", command: "containerd", args: ["--config", settings] });
  const ctr = (...words: readonly string[]) =>
    run("ctr", ["--address", socket, "--namespace", "k8s.io", "images", ...words]);
  await waitFor("containerd to answer", async () => (await ctr("list")).code === 0, {
    timeoutMs: 60_000,
    alive: [daemon],
  });
  const { code, stderr } = await ctr("import", archive);
  assert.equal(code, 0, stderr);
  const { stdout } = await ctr("list", "--quiet");
  return stdout.trim().split("\n");
}
