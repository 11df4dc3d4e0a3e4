import assert from "node:assert/strict";
import { join } from "node:path";
import { repository } from "../../deploy/compile/stage.ts";

const units = join(repository, "deploy/systemd");

async function run(name: string, args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(name, { args }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

async function installed(name: string): Promise<boolean> {
  try {
    return (await run(name, ["--version"])).code === 0;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

const ignore = !await installed("systemd-analyze");
const unlessHere = ignore ? " (cannot: there is no systemd)" : "";

/** The unit as it would be on a machine where the binary and the user are there. */
async function asInstalled(folder: string, name: string, change = (text: string) => text): Promise<string> {
  const path = join(folder, name);
  const text = await Deno.readTextFile(join(units, name));
  const here = text.replaceAll(/\/usr\/local\/bin\/trousseaud?/g, "/usr/bin/true").replace(
    /^(User|Group)=.*$/gm,
    "$1=root",
  );
  await Deno.writeTextFile(path, change(here));
  return path;
}

Deno.test({
  name: `systemd takes kms-plugin.conf beside trousseau.service${unlessHere}`,
  ignore,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const unit = await asInstalled(folder, "trousseau.service");
      await Deno.mkdir(join(folder, "trousseau.service.d"));
      await Deno.copyFile(join(units, "kms-plugin.conf"), join(folder, "trousseau.service.d/kms-plugin.conf"));
      const chained = await run("systemd-analyze", ["verify", "--man=no", unit]);
      assert.doesNotMatch(chained.text, /Unknown|Failed to parse/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const version = ignore ? 0 : Number(/^systemd (\d+)/.exec((await run("systemd-analyze", ["--version"])).text)?.[1]);

Deno.test({
  name: `systemd ${version} ${version >= 254 ? "takes" : "does not know the words of"} restart-steps.conf${unlessHere}`,
  ignore,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const unit = await asInstalled(folder, "trousseau.service");
      await Deno.mkdir(join(folder, "trousseau.service.d"));
      await Deno.copyFile(join(units, "restart-steps.conf"), join(folder, "trousseau.service.d/restart-steps.conf"));
      const { text } = await run("systemd-analyze", ["verify", "--man=no", unit]);
      if (version >= 254) assert.equal(text, "");
      else assert.match(text, /Unknown key (name )?'RestartSteps'/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

for (const unit of ["trousseau.service", "trousseau-sops.service", "trousseau-drill.service", "trousseaud.service"]) {
  Deno.test({
    name: `systemd takes ${unit} without a complaint, and complains of a word that it does not know${unlessHere}`,
    ignore,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const good = await run("systemd-analyze", ["verify", "--man=no", await asInstalled(folder, unit)]);
        assert.deepEqual(good, { code: 0, text: "" });
        const misspelt = await asInstalled(folder, unit, (text) => text.replace("NoNewPrivileges=", "NoNewPrivilege="));
        assert.match((await run("systemd-analyze", ["verify", "--man=no", misspelt])).text, /Unknown key/);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });

  Deno.test({
    name: `systemd calls ${unit} well hardened${unlessHere}`,
    ignore,
    fn: async () => {
      // In tenths; what is left is the network, the sockets and V8's compiler.
      const args = ["security", "--offline=true", "--no-pager", "--threshold=20", join(units, unit)];
      const { code, text } = await run("systemd-analyze", args);
      assert.equal(code, 0, text);
    },
  });
}

Deno.test({
  name: `systemd takes trousseau-drill.timer beside its service${unlessHere}`,
  ignore,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await asInstalled(folder, "trousseau-drill.service");
      const timer = await asInstalled(folder, "trousseau-drill.timer");
      assert.deepEqual(await run("systemd-analyze", ["verify", "--man=no", timer]), { code: 0, text: "" });
      const misspelt = await asInstalled(folder, "trousseau-drill.timer", (text) => text.replace("weekly", "weakly"));
      assert.match((await run("systemd-analyze", ["verify", "--man=no", misspelt])).text, /Failed to parse|weakly/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const hasSysusers = await installed("systemd-sysusers");

for (const name of ["trousseau.sysusers.conf", "trousseaud.sysusers.conf"]) {
  Deno.test({
    name: `systemd-sysusers reads ${name}${hasSysusers ? "" : " (cannot: there is no systemd)"}`,
    ignore: !hasSysusers,
    fn: async () => {
      const { code, text } = await run("systemd-sysusers", ["--dry-run", join(units, name)]);
      assert.equal(code, 0, text);
    },
  });
}
