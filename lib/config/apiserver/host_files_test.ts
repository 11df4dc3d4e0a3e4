import { deepEqual, equal } from "node:assert/strict";
import { writeHost } from "../../../tests/support/host_folder.ts";
import { hostFiles } from "./host_files.ts";

Deno.test("hostFiles() reads below its root", async () => {
  await using host = await writeHost({ "/a/b.txt": "text", "/a/c.txt": "" });
  const files = hostFiles(host.root);
  deepEqual([await files.text("/a/b.txt"), await files.names("/a")], ["text", ["b.txt", "c.txt"]]);
  equal(files.place("/a"), `${host.root}/a`);
  await Deno.chmod(`${host.root}/a/b.txt`, 0o4640);
  const stat = await files.stat("/a/b.txt");
  deepEqual(typeof stat === "string" ? stat : [stat.kind, stat.mode], ["file", 0o4640]);
});

Deno.test("hostFiles() gives nothing for what is missing, no text, or too large", async () => {
  await using host = await writeHost({ "/a": "x".repeat(1024 * 1024 + 1), "/b": "" });
  await Deno.writeFile(`${host.root}/b`, new Uint8Array([0xff, 0xfe]));
  const files = hostFiles(host.root);
  deepEqual(await Promise.all(["/a", "/b", "/none", "/"].map(files.text)), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  deepEqual(await files.names("/none"), []);
  deepEqual([await files.stat("/none"), await files.stat("/a/b")], ["absent", "absent"]);
});

Deno.test("hostFiles() follows links below its root, also absolute ones, and takes /var/run for /run", async () => {
  await using host = await writeHost({ "/run/a/x": "run", "/opt/data/y": "opt", "/real/var/run/z": "" });
  const files = hostFiles(host.root);
  equal(await files.real("/var/run/a/x"), "/run/a/x");
  await Deno.mkdir(`${host.root}/var`);
  await Deno.symlink("/run", `${host.root}/var/run`);
  await Deno.symlink("../opt/data", `${host.root}/var/up`);
  await Deno.symlink("/opt/data", `${host.root}/srv`);
  await Deno.symlink("loop", `${host.root}/loop`);
  const paths = ["/var/run/a/x", "/var/run/a/none", "/var/up/y", "/srv/y", "/srv/../run", "/loop/y", "/"];
  deepEqual(await Promise.all(paths.map(files.real)), [
    "/run/a/x",
    "/run/a/none",
    "/opt/data/y",
    "/opt/data/y",
    "/opt/run",
    "/loop/y",
    "/",
  ]);
  deepEqual([await files.text("/srv/y"), await files.names("/srv")], ["opt", ["y"]]);
  equal(typeof await files.stat("/srv/y"), "object");
  equal(await files.stat("/loop"), "forbidden");
  equal(await hostFiles(`${host.root}/real`).real("/var/run/z"), "/var/run/z");
});
