import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { run } from "../../tests/support/processes.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { maintainerScript } from "./scripts.ts";

interface Node {
  /** A line of shell in the place of the installed program. */
  readonly program?: string;
  /** Whether systemd runs. */
  readonly booted?: boolean;
}

interface Outcome {
  readonly said: string;
  /** Each call of systemctl, by its arguments. */
  readonly calls: readonly string[];
}

/** Calls a function of the scripts on a node where every unit is active. */
async function call(name: string, { program = "exit 0", booted = true }: Node): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  await inFolder(async (folder) => {
    await node(folder, program);
    const script = (await maintainerScript("rpm_postun"))
      .replaceAll("/etc/trousseau/trousseau.yaml", `${folder}/trousseau.yaml`)
      .replaceAll("/run/systemd/system", booted ? folder : `${folder}/away`);
    const env = { PATH: `${folder}:${Deno.env.get("PATH")}` };
    // A count of 1 is an upgrade, at which this script does nothing of its own.
    const { code, stderr } = await run("sh", ["-c", `${script}\n${name}`, "postun", "1"], { env });
    equal(code, 0, stderr);
    const calls = (await Deno.readTextFile(join(folder, "calls"))).trimEnd().split("\n");
    outcomes.push({ said: stderr, calls });
  });
  const [outcome] = outcomes;
  ok(outcome);
  return outcome;
}

async function node(folder: string, program: string): Promise<void> {
  const lines = { trousseau: program, systemctl: `echo "$*" >> ${folder}/calls` };
  for (const [name, line] of Object.entries(lines)) {
    await Deno.writeTextFile(join(folder, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }
  for (const name of ["trousseau.yaml", "calls"]) await Deno.writeTextFile(join(folder, name), "");
}

const restarts = (calls: readonly string[]) => calls.filter((one) => one.startsWith("try-restart"));
const check = (status: number, says = "") => `case $1 in check) echo "${says}"; exit ${status} ;; esac`;

Deno.test("restart_running() restarts each unit once the program runs, whatever the KMS answers", async () => {
  for (const program of ["exit 0", check(69), check(75), check(1)]) {
    const { said, calls } = await call("restart_running", { program });
    deepEqual(restarts(calls), [
      "try-restart trousseau.service",
      "try-restart trousseau-sops.service",
      "try-restart trousseaud.service",
    ]);
    equal(said, "");
  }
});

for (
  const [what, program, status] of [
    ["lacks a library", "exit 127", 127],
    ["may not be executed", "exit 126", 126],
    ["has an instruction that the processor lacks", "kill -ILL $$", 132],
    ["crashes", "kill -SEGV $$", 139],
  ] as const
) {
  Deno.test(`restart_running() restarts no unit if the program ${what}, and gives the status ${status}`, async () => {
    const { said, calls } = await call("restart_running", { program });
    deepEqual(restarts(calls), []);
    match(said, new RegExp(`trousseau version ended with ${status}\\b.+ go on as the version before`));
  });
}

Deno.test("restart_running() leaves the plugin as it is on a 78 of check, and prints the report with the reason", async () => {
  const reason = "Cannot use the key IDs of this node in /var/lib/trousseau/key-ring.json: a newer version wrote them";
  const { said, calls } = await call("restart_running", { program: check(78, reason) });
  deepEqual(restarts(calls), ["try-restart trousseaud.service"]);
  for (const unit of ["trousseau.service", "trousseau-sops.service"]) {
    match(said, new RegExp(`trousseau: ${unit} goes on as the version before, .+ systemctl restart ${unit}`));
  }
  equal(said.split(reason).length, 2, said);
});

Deno.test("stop_units() removes the links of enable also where no systemd runs, and stops units only where one does", async () => {
  const units = "trousseau.service trousseau-sops.service trousseau-drill.timer trousseaud.service";
  deepEqual((await call("stop_units", { booted: true })).calls, [`disable --now ${units}`]);
  deepEqual((await call("stop_units", { booted: false })).calls, [`disable ${units}`]);
});
