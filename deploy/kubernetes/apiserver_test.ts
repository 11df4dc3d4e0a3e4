import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { run } from "../../tests/support/processes.ts";
import { Process, waitFor } from "../../tests/support/processes.ts";

const script = new URL("apiserver.sh", import.meta.url).pathname;
const before = "kind: Pod\nflags: [a]\n";

/**
 * Stands in for trousseau, and logs its words. The edit is one line. Files in its folder ask for faults: `refuse`, `early`
 * (never ready), `late` (not ready with the edit), and `hang`.
 */
const program = `#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >>log
case $2 in
  enable)
    [ ! -f refuse ] || { echo "trousseau: no." >&2; exit 78; }
    grep -v edited "$4"
    case "$*" in *--automatic-reload*) echo "edited: reload" ;; *) echo "edited: true" ;; esac ;;
  undo) [ ! -f refuse ] || exit 78; grep -v edited "$4" ;;
  ready)
    [ ! -f early ] || exit 69
    case "$*" in *--encrypts*) [ ! -f hang ] || { echo $$ >waiting; exec sleep 600; } ;; esac
    if [ -f late ] && grep -q edited "$4"; then exit 69; fi ;;
esac
`;

/** A node's /etc/kubernetes, and the program. */
class Site implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async make(): Promise<Site> {
    const site = new Site(await Deno.makeTempDir());
    await Deno.mkdir(`${site.folder}/manifests`);
    await Deno.writeTextFile(site.manifest, before, { mode: 0o640 });
    await Deno.writeTextFile(`${site.folder}/program`, program, { mode: 0o755 });
    return site;
  }

  get manifest(): string {
    return `${this.folder}/manifests/kube-apiserver.yaml`;
  }

  get text(): Promise<string> {
    return Deno.readTextFile(this.manifest);
  }

  fault(name: string): Promise<void> {
    return Deno.writeTextFile(`${this.folder}/${name}`, "");
  }

  options(...words: readonly string[]) {
    const env = { TROUSSEAU: `${this.folder}/program` };
    return { command: script, args: [...words, "--manifest", this.manifest], env };
  }

  async call(...words: readonly string[]) {
    const { command, args, env } = this.options(...words);
    return await run(command, args, { env });
  }

  /** Starts a run and waits until it waits for kube-apiserver. */
  async hanging(verb: string): Promise<Process> {
    await this.fault("hang");
    const process = new Process({ name: "apiserver.sh", ...this.options(verb) });
    const waiting = () => Deno.stat(`${this.folder}/waiting`).then(() => true, () => false);
    await waitFor("the wait", waiting, { timeoutMs: 60_000, alive: [process] });
    await Deno.remove(`${this.folder}/hang`);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

const edited = `${before}edited: true\n`;

Deno.test("apiserver.sh enables and undoes, keeps the mode, and puts no other file into the manifests' folder", async () => {
  await using site = await Site.make();
  using watcher = Deno.watchFs(`${site.folder}/manifests`);
  equal((await site.call("enable", "--timeout", "9s")).code, 0);
  equal(await site.text, edited);
  equal(await Deno.readTextFile(`${site.folder}/trousseau/before.yaml`), before);
  match((await site.call("enable")).stderr, /Nothing to do/);
  equal((await site.call("undo")).code, 0);
  equal(await site.text, before);
  equal(((await Deno.stat(site.manifest)).mode ?? 0) & 0o7777, 0o640);
  equal(((await Deno.stat(`${site.folder}/trousseau`)).mode ?? 0) & 0o7777, 0o700);
  const seen = new Set<string>();
  await Deno.remove(site.manifest);
  for await (const { kind, paths } of watcher) {
    for (const path of paths) seen.add(path);
    if (kind === "remove" && await Deno.stat(site.manifest).then(() => false, () => true)) break;
  }
  deepEqual([...seen].filter((path) => path !== site.manifest && !path.startsWith(`${site.folder}/trousseau/`)), []);
  const log = (await Deno.readTextFile(`${site.folder}/log`)).replaceAll(site.manifest, "M").trim().split("\n");
  deepEqual(log, [
    "apiserver enable --manifest M",
    "apiserver ready --manifest M --timeout 15s",
    "apiserver ready --manifest M --encrypts yes --timeout 9s",
    "apiserver enable --manifest M",
    "apiserver undo --manifest M",
    "apiserver ready --manifest M --timeout 15s",
    "apiserver ready --manifest M --encrypts no --timeout 3m",
  ]);
});

Deno.test("apiserver.sh hands its options on", async () => {
  await using site = await Site.make();
  const words = ["--encryption-config", "/a b/c.yaml", "--automatic-reload", "--kubeconfig", "/k"];
  equal((await site.call("enable", ...words)).code, 0);
  const log = (await Deno.readTextFile(`${site.folder}/log`)).replaceAll(site.manifest, "M").trim().split("\n");
  deepEqual(log, [
    "apiserver enable --manifest M --encryption-config /a b/c.yaml --automatic-reload",
    "apiserver ready --manifest M --kubeconfig /k --timeout 15s",
    "apiserver ready --manifest M --kubeconfig /k --encrypts reloading --timeout 3m",
  ]);
});

Deno.test("apiserver.sh undo takes away its own edit alone if the manifest was changed since", async () => {
  await using site = await Site.make();
  await site.call("enable");
  await Deno.writeTextFile(site.manifest, `${edited}upgraded: true\n`);
  equal((await site.call("undo")).code, 0);
  equal(await site.text, `${before}upgraded: true\n`);
});

Deno.test("apiserver.sh waits for the plugin when it goes back to a manifest with encryption", async () => {
  await using site = await Site.make();
  await Deno.writeTextFile(site.manifest, `${before}args: [--encryption-provider-config=/f]\n`);
  await site.fault("late");
  equal((await site.call("enable", "--automatic-reload")).code, 69);
  match(await Deno.readTextFile(`${site.folder}/log`), /--encrypts yes --timeout 5m\n$/);
});

Deno.test("apiserver.sh undo takes away the edits of several runs", async () => {
  await using site = await Site.make();
  await site.call("enable");
  equal((await site.call("enable", "--automatic-reload")).code, 0);
  equal(await site.text, `${before}edited: reload\n`);
  equal((await site.call("undo")).code, 0);
  equal(await site.text, before);
});

Deno.test("apiserver.sh puts the old manifest back if kube-apiserver does not become ready", async () => {
  await using site = await Site.make();
  await site.fault("late");
  const { code, stderr } = await site.call("enable");
  equal(code, 69, stderr);
  match(stderr, /did not become ready; .* is as it was before, and kube-apiserver is ready again/);
  equal(await site.text, before);
  match(await Deno.readTextFile(`${site.folder}/log`), /--encrypts no --timeout 5m\n$/);
});

for (const [fault, code] of [["refuse", 78], ["early", 78]] as const) {
  Deno.test(`apiserver.sh changes nothing with the fault ${fault}`, async () => {
    await using site = await Site.make();
    await site.fault(fault);
    const { ino } = await Deno.stat(site.manifest);
    equal((await site.call("enable")).code, code);
    equal(await site.text, before);
    equal((await Deno.stat(site.manifest)).ino, ino);
  });
}

Deno.test("apiserver.sh goes back at SIGTERM", async () => {
  await using site = await Site.make();
  await using process = await site.hanging("enable");
  equal(await site.text, edited);
  process.signal("SIGTERM");
  equal((await process.exited).code, 69, process.output);
  match(process.output, /Interrupted; .* is as it was before/);
  equal(await site.text, before);
});

Deno.test("apiserver.sh goes on with a run that was cut off, and with no other one before", async () => {
  await using site = await Site.make();
  await using process = await site.hanging("enable");
  match((await site.call("enable")).stderr, /another apiserver\.sh is running/);
  process.signal("SIGKILL");
  const other = await site.call("undo");
  Deno.kill(Number(await Deno.readTextFile(`${site.folder}/waiting`)), "SIGKILL");
  await process.exited;
  equal(other.code, 78, other.stderr);
  match(other.stderr, /apiserver\.sh enable was cut off; run it again first/);
  const { code, stderr } = await site.call("enable");
  equal(code, 0, stderr);
  match(stderr, /goes on with it/);
  equal(await site.text, edited);
  equal((await site.call("undo")).code, 0);
  equal(await site.text, before);
});

Deno.test("apiserver.sh refuses a link, and a folder for copies that others can change", async () => {
  await using site = await Site.make();
  await Deno.mkdir(`${site.folder}/trousseau`, { mode: 0o755 });
  const shared = await site.call("enable");
  equal(shared.code, 78);
  match(shared.stderr, /is no folder with mode 0700 of this user/);
  await Deno.rename(site.manifest, `${site.folder}/real.yaml`);
  await Deno.symlink(`${site.folder}/real.yaml`, site.manifest);
  match((await site.call("enable")).stderr, /is no regular file/);
  equal(await Deno.readTextFile(`${site.folder}/real.yaml`), before);
});

Deno.test("apiserver.sh refuses wrong arguments", async () => {
  await using site = await Site.make();
  for (const words of [[], ["help"], ["enable", "--timeout"], ["undo", "--automatic-reload"], ["enable", "--force"]]) {
    const { code } = await run(script, words, { env: { TROUSSEAU: "/bin/false" } });
    equal(code, 64, words.join(" "));
  }
  ok(await site.text);
  notEqual(await site.text, edited);
});
