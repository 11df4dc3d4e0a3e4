/**
 * A whole release of this checkout, made twice, and verified as a user does it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { sourceOf } from "../../deploy/compile/source.ts";
import { repository, stage } from "../../deploy/compile/stage.ts";
import { run } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** Runs a line of a shell. @throws {Error} with its output, if it ends with another status than 0. */
async function shell(line: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await run("bash", ["-ec", line], { cwd, env });
  assert.equal(code, 0, `${line}\n${stdout}\n${stderr}`);
  return stdout;
}

Deno.test("deno task release gives the same bytes twice, and one forged byte is found", async (t) => {
  await inFolder(async (folder) => {
    const release = (out: string) =>
      shell(`deno task release --key ${folder}/test.key --out ${out}`, repository, { SOURCE_DATE_EPOCH: "1700000000" });
    const [first, dist] = [join(folder, "d1"), join(folder, "another", "dist")];
    await Deno.mkdir(join(folder, "another"));
    await shell("minisign -G -W -p test.pub -s test.key", folder);
    await release(first);
    await release(dist);
    const { launcher } = await stage(join(folder, "stage"));
    const env = { DENO: Deno.execPath(), NO_COLOR: "1" };
    const verify = async (...more: string[]) => {
      const args = ["verify-release", dist, "--public-key", join(folder, "test.pub"), ...more];
      return await run(launcher, args, { env });
    };
    const isStandIn = (await Array.fromAsync(Deno.readDir(dist))).some(({ name }) => name.endsWith("-standin"));

    await t.step("twice the same bytes and times", async () => {
      await shell(`diff -r ${first} ${dist}`, folder);
      const times = await shell(`find ${dist} -printf '%T@\\n' | sort -u`, folder);
      assert.match(times, /^1700000000\.0+\n$/);
    });

    await t.step("sha256sum and minisign accept it", async () => {
      await shell("sha256sum -c SHA256SUMS --quiet", dist);
      await shell("minisign -Vm SHA256SUMS -p ../../test.pub", dist);
    });

    await t.step("the packages have the programs", async () => {
      const count = (glob: string, pattern: string) => shell(`dpkg-deb -c ${glob} | grep -cE '${pattern}'`, dist);
      assert.equal(await count("trousseau_*_amd64.deb", "\\./usr/bin/trousseaud?( |$)"), "2\n");
      assert.equal(await count("clectl_*_amd64.deb", "\\./usr/bin/clectl"), "1\n");
    });

    await t.step("version --json has the commit of the release", async () => {
      const { stdout } = await run(launcher, ["version", "--json"], { env });
      const { commit, time, deno, target } = JSON.parse(stdout);
      assert.equal(commit, (await sourceOf(repository))?.commit);
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.deepEqual([deno, target], [Deno.version.deno, Deno.build.target]);
      const provenance = JSON.parse(await Deno.readTextFile(join(dist, "provenance.intoto.json")));
      assert.equal(provenance.predicate.buildDefinition.externalParameters.commit, commit);
    });

    await t.step("verify-release accepts a release, and refuses a stand-in as one", async () => {
      const accepted = await verify("--stand-in");
      assert.equal(accepted.code, 0, accepted.stdout + accepted.stderr);
      const { code, stdout } = await verify();
      assert.equal(code, isStandIn ? 1 : 0);
      if (isStandIn) assert.match(stdout, /^trousseau-linux-amd64-standin: It is made around a stand-in for denort/m);
    });

    await t.step("one forged byte is found and its file named", async () => {
      await shell("printf x | dd of=$(ls trousseau-linux-amd64*|head -1) bs=1 seek=100 conv=notrunc status=none", dist);
      const { code, stdout } = await verify("--stand-in");
      assert.equal(code, 1);
      assert.match(stdout, /^trousseau-linux-amd64(-standin)?: Its SHA-256 is not the one in the list/m);
    });
  });
});
