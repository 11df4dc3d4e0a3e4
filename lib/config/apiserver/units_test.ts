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

Deno.test("hostUnits() leaves out a masked unit, and finds none where there is no folder", async () => {
  await using host = await writeHost({ "/usr/lib/systemd/system/a.service": "[Unit]\n" });
  await Deno.mkdir(`${host.root}/etc/systemd/system`, { recursive: true });
  await Deno.symlink("/dev/null", `${host.root}/etc/systemd/system/a.service`);
  deepEqual(await hostUnits(hostFiles(host.root)), []);
  equal((await hostUnits(hostFiles(`${host.root}/none`))).length, 0);
});
