import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { run } from "../../tests/support/processes.ts";
import { Process, waitFor } from "../../tests/support/processes.ts";

const script = new URL("apiserver.sh", import.meta.url).pathname;
const before = "kind: Pod\nflags: [a]\n";

/**
 * Stands in for trousseau, and logs its words. The edit is one line. Files in its folder ask for faults: `refuse`, `early`
 * (never ready), `late` (not ready with the new edit), `hang`, `encrypts` (undo refuses the edit), and `broken` (undo fails
 * in another way).
 */
const program = `#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >>log
case $2 in
  enable)
    [ ! -f refuse ] || { echo "trousseau: no." >&2; exit 78; }
    grep -v edited "$4"
    case "$*" in *--automatic-reload*) echo "edited: reload" ;; *) echo "edited: true" ;; esac ;;
  undo)
    [ ! -f refuse ] || exit 78
    if [ -f encrypts ] && grep -q edited "$4"; then echo "trousseau: It encrypts." >&2; exit 78; fi
    [ ! -f broken ] || exit 127
    grep -v edited "$4" ;;
  ready)
    [ ! -f early ] || exit 69
    case "$*" in *--encrypts*)
      [ ! -f hang ] || { echo $$ >waiting; exec sleep 600; }
      if [ -f late ] && ! cmp -s "$4" trousseau/before.yaml; then exit 69; fi ;;
    esac ;;
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
  async hanging(...words: readonly string[]): Promise<Process> {
    await this.fault("hang");
    const process = new Process({ name: "apiserver.sh", ...this.options(...words) });
    const waiting = () => Deno.stat(`${this.folder}/waiting`).then(() => true, () => false);
    await waitFor("the wait", waiting, { timeoutMs: 60_000, alive: [process] });
    await Deno.remove(`${this.folder}/hang`);
    return process;
  }

  /** Kills a run and the program that it waits for, as a power failure does. */
  async cutOff(process: Process): Promise<void> {
    process.signal("SIGKILL");
    Deno.kill(Number(await Deno.readTextFile(`${this.folder}/waiting`)), "SIGKILL");
    await process.exited;
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

Deno.test("apiserver.sh goes back from an edit of a manifest that encrypts already", async () => {
  await using site = await Site.make();
  equal((await site.call("enable")).code, 0);
  await site.fault("encrypts");
  await site.fault("late");
  const { code, stderr } = await site.call("enable", "--automatic-reload");
  equal(code, 69, stderr);
  match(stderr, /is as it was before, and kube-apiserver is ready again/);
  equal(await site.text, edited);
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
  match(await Deno.readTextFile(`${site.folder}/log`), /--encrypts manifest --timeout 5m\n$/);
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
  await site.cutOff(process);
  const other = await site.call("undo");
  equal(other.code, 78, other.stderr);
  match(other.stderr, /apiserver\.sh enable was cut off; run it again first/);
  for (const more of [["--automatic-reload"], ["--encryption-config", "/other.yaml"]]) {
    const { code, stderr } = await site.call("enable", ...more);
    equal(code, 78, stderr);
    match(stderr, /apiserver\.sh enable was cut off; run it again first/);
  }
  const { code, stderr } = await site.call("enable");
  equal(code, 0, stderr);
  match(stderr, /goes on with it/);
  equal(await site.text, edited);
  equal((await site.call("undo")).code, 0);
  equal(await site.text, before);
});

for (const fault of ["encrypts", "broken"]) {
  Deno.test(`apiserver.sh takes nothing off after a run that was cut off, with the fault ${fault}`, async () => {
    await using site = await Site.make();
    const words = ["enable", "--automatic-reload"];
    await using process = await site.hanging(...words);
    await site.cutOff(process);
    const placed = await site.text;
    notEqual(placed, before);
    await site.fault(fault);
    await site.fault("late");
    const stayed = await site.call(...words);
    equal(stayed.code, 70, stayed.stderr);
    match(
      stayed.stderr,
      /did not become ready, and going back would .*run it again: apiserver\.sh enable --automatic-reload/,
    );
    if (fault === "encrypts") match(stayed.stderr, /^trousseau: It encrypts\.$/m);
    equal(await site.text, placed);
    await Deno.remove(`${site.folder}/late`);
    const { code, stderr } = await site.call(...words);
    equal(code, 0, stderr);
    equal(await site.text, placed);
  });
}

Deno.test("apiserver.sh refuses a manifest whose path does not show its folder, and makes no folder for copies", async () => {
  await using site = await Site.make();
  const folder = `${site.folder}/manifests`;
  const names = ["kube-apiserver.yaml", "./kube-apiserver.yaml", `${folder}/./kube-apiserver.yaml`];
  for (const name of [...names, `${folder}/../manifests/kube-apiserver.yaml`, "/kube-apiserver.yaml"]) {
    const { env } = site.options();
    const { code, stderr } = await run(script, ["enable", "--manifest", name], { env, cwd: folder });
    equal(code, 64, name);
    match(stderr, /--manifest is/);
  }
  deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), ["kube-apiserver.yaml"]);
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
