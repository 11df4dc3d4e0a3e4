import { deepEqual, equal, ok } from "node:assert/strict";
import { writeHost } from "../../../tests/support/host_folder.ts";
import { hostFiles } from "./host_files.ts";
import { hostUnits, listedUnits, startWords } from "./units.ts";

Deno.test("hostUnits() reads units with drop-ins, and the earlier folder of two", async () => {
  await using host = await writeHost({
    "/etc/systemd/system/a.service": "[Unit]\nBefore=x.service\n[Service]\nExecStart=/bin/a serve\n",
    "/usr/lib/systemd/system/a.service": "[Service]\nExecStart=/bin/other\n",
    "/usr/lib/systemd/system/a.service.d/20-late.conf": "[Unit]\nBefore=z.service\n",
    "/etc/systemd/system/a.service.d/10-early.conf":
      "[Unit]\n# Before=never.service\nBefore=\nBefore=y.service \\\n w.service\n",
    "/etc/systemd/system/a.service.d/20-late.txt": "[Unit]\nBefore=\n",
    "/usr/lib/systemd/system/b.socket": "",
  });
  const [unit, ...rest] = await hostUnits(hostFiles(host.root));
  ok(unit !== undefined);
  deepEqual(rest, []);
  deepEqual([unit.name, unit.path], ["a.service", "/etc/systemd/system/a.service"]);
  deepEqual(listedUnits(unit, "Before"), ["y.service", "w.service", "z.service"]);
  deepEqual(await startWords(unit, hostFiles(host.root)), [["/bin/a", "serve"]]);
});

Deno.test("startWords() fills in variables of files and of the unit", async () => {
  await using host = await writeHost({
    "/etc/systemd/system/k.service":
      '[Service]\nEnvironment="A=1 2"\nEnvironmentFile=-/etc/k.env\nExecStart=-/bin/k $ARGS --a=${A} ${NONE}x\n',
    "/etc/k.env": '# comment\nARGS="--b=1 --c"\n',
  });
  const [unit] = await hostUnits(hostFiles(host.root));
  ok(unit !== undefined);
  deepEqual(await startWords(unit, hostFiles(host.root)), [["/bin/k", "--b=1", "--c", "--a=1 2", "x"]]);
});

Deno.test("startWords() goes over comments within a continued line, and begins no continuation in a comment", async () => {
  await using host = await writeHost({
    "/etc/systemd/system/k.service": "[Service]\n# off \\\nExecStart=/bin/k \\\n  # --old=1 \\\n\t; --older=1\n" +
      "  --a=1 \\\n  --b=2\nUser=k\n",
  });
  const [unit] = await hostUnits(hostFiles(host.root));
  ok(unit !== undefined);
  deepEqual(await startWords(unit, hostFiles(host.root)), [["/bin/k", "--a=1", "--b=2"]]);
  deepEqual(unit.values("Service", "User"), ["k"]);
});

Deno.test("startWords() reads continued lines in a file of variables", async () => {
  await using host = await writeHost({
    "/etc/systemd/system/k.service": "[Service]\nEnvironmentFile=/etc/k.env\nExecStart=/bin/k $ARGS\n",
    "/etc/k.env": 'ARGS="--a=1 \\\n--b=2 \\\n--c=3"\n',
  });
  const [unit] = await hostUnits(hostFiles(host.root));
  ok(unit !== undefined);
  deepEqual(await startWords(unit, hostFiles(host.root)), [["/bin/k", "--a=1", "--b=2", "--c=3"]]);
});

Deno.test("hostUnits() leaves out a masked unit, and finds none where there is no folder", async () => {
  await using host = await writeHost({ "/usr/lib/systemd/system/a.service": "[Unit]\n" });
  await Deno.mkdir(`${host.root}/etc/systemd/system`, { recursive: true });
  await Deno.symlink("/dev/null", `${host.root}/etc/systemd/system/a.service`);
  deepEqual(await hostUnits(hostFiles(host.root)), []);
  equal((await hostUnits(hostFiles(`${host.root}/none`))).length, 0);
});
