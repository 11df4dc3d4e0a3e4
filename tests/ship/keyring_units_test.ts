/**
 * The units of the keyring on a booted machine: `trousseaud.service` with its user and folders, and the three units that keep
 * the file of a service new.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Artefact, clectl, trousseau } from "../../deploy/compile/artefacts.ts";
import { repository, stage } from "../../deploy/compile/stage.ts";
import { readPage } from "../docs/markdown.ts";
import { waitFor } from "../support/processes.ts";
import { Machine } from "./nspawn.ts";
import { stagedProgram } from "./staged_program.ts";

const soon = { timeoutMs: 120_000 };
const release = "/root/release";

/** A local key in place of the Vault of `deploy/config/keyring.yaml`, and the socket of the service `web`. */
const configuration = `keyring:
  store: /var/lib/trousseaud/store
  state: /var/lib/trousseaud
  adminSocket: /run/trousseaud/admin/admin.sock
  listen: 127.0.0.1:8300
  audit: /var/lib/trousseaud/audit.jsonl
  metrics: 127.0.0.1:8301
  sockets: [{ name: web, group: web }]
providers: [{ name: local, kind: local, keyFile: /var/lib/trousseaud/local.keys, create: true }]
`;

/** The commands of "Install it", without the start. */
async function installation(): Promise<{ readonly files: string; readonly start: string }> {
  const text = await Deno.readTextFile(join(repository, "docs/keyring/operate.md"));
  const [section = ""] = /^## Install it\n[^]*?(?=^## )/m.exec(text) ?? [];
  const [block] = readPage("operate.md", section).blocks.filter(({ language }) => language === "sh");
  const [files = "", start = ""] = block?.text.split(/^(?=systemctl daemon-reload)/m) ?? [];
  assert.match(start, /clectl health --wait 30s/);
  return { files, start: start.replace("30s", "100s") };
}

/** Boots a machine with the keyring installed as the page says, and the user `web`. */
async function openMachine(folder: string): Promise<Machine> {
  for (const artefact of [trousseau, clectl]) await stage(folder, { artefact });
  // The users of the machine read it.
  await Deno.chmod(folder, 0o755);
  const binds = {
    "/opt/stage": folder,
    "/opt/deno": await Deno.realPath(Deno.execPath()),
    [`${release}/deploy`]: join(repository, "deploy"),
  };
  const machine = await Machine.boot({ binds });
  const { files, start } = await installation();
  const both: readonly Artefact[] = [trousseau, clectl];
  const places = { stage: "/opt/stage", deno: "/opt/deno" };
  for (const artefact of both) {
    await machine.shell(`cat > ${release}/${artefact.name}`, { stdin: stagedProgram(artefact, places) });
  }
  await machine.shell("useradd --system web");
  await machine.shell(`cd ${release} && ${files}`);
  await machine.shell("cat > /etc/trousseau/keyring.yaml", { stdin: configuration });
  await machine.shell("usermod --append --groups web trousseaud");
  await machine.shell(
    "sed 's|^# d /run/trousseaud/clients/backup 0750 trousseaud backup|d /run/trousseaud/clients/web 0750 trousseaud web|'" +
      " -i /usr/lib/tmpfiles.d/trousseaud.conf && systemd-tmpfiles --create",
  );
  const started = await machine.run(["sh", "-euc", start], { seconds: 150 });
  const journal = started.code === 0 ? "" : await machine.shell("journalctl --no-pager --unit=trousseaud | tail -40");
  assert.equal(started.code, 0, started.stderr + journal);
  return machine;
}

/** Mode, owner and group of paths. */
async function owners(machine: Machine, paths: readonly string[]): Promise<readonly string[]> {
  return (await machine.shell(`stat --format '%a %U:%G %n' ${paths.join(" ")}`)).trimEnd().split("\n");
}

async function property(machine: Machine, name: string, unit = "trousseaud.service"): Promise<string> {
  return (await machine.shell(`systemctl show --property=${name} --value ${unit}`)).trim();
}

const read = "clectl get db/john --field p --output raw --show";

Deno.test("trousseaud.service and the units of web on a booted machine", async (t) => {
  const folder = await Deno.makeTempDir();
  await using machine = await openMachine(folder);
  await machine.shell("clectl create db/john --field p --stdin", { stdin: "mysuprP@ssw0rd" });

  await t.step("folders and files have the modes and owners of docs/keyring/operate.md", async () => {
    const state = "/var/lib/trousseaud";
    await waitFor(
      "the certificate",
      async () => (await machine.run(["test", "-e", `${state}/tls.pem`])).code === 0,
      soon,
    );
    assert.deepEqual(
      await owners(machine, [
        "/etc/trousseau",
        "/etc/trousseau/keyring.yaml",
        state,
        ...["store", "store/keyring.db", "tls.pem", "ca.pem", "audit.jsonl", "local.keys"].map((name) =>
          `${state}/${name}`
        ),
        "/run/trousseaud",
        ...["admin", "admin/admin.sock", "clients", "clients/web", "clients/web/keyring.sock"]
          .map((name) => `/run/trousseaud/${name}`),
      ]),
      [
        "750 root:trousseaud /etc/trousseau",
        "600 trousseaud:trousseaud /etc/trousseau/keyring.yaml",
        `700 trousseaud:trousseaud ${state}`,
        `700 trousseaud:trousseaud ${state}/store`,
        ...["store/keyring.db", "tls.pem", "ca.pem", "audit.jsonl", "local.keys"]
          .map((name) => `600 trousseaud:trousseaud ${state}/${name}`),
        "755 trousseaud:trousseaud /run/trousseaud",
        "700 trousseaud:trousseaud /run/trousseaud/admin",
        "600 trousseaud:trousseaud /run/trousseaud/admin/admin.sock",
        "755 trousseaud:trousseaud /run/trousseaud/clients",
        "750 trousseaud:web /run/trousseaud/clients/web",
        "660 trousseaud:web /run/trousseaud/clients/web/keyring.sock",
      ],
    );
    assert.equal(await machine.shell(`find ${state} /run/trousseaud ! -user trousseaud`), "");
  });

  await t.step(
    "the process has the user, the limits and the rating of the unit, and no other user reaches it",
    async () => {
      const pid = await property(machine, "MainPID");
      assert.match(await machine.shell(`ps -o user= -p ${pid}`), /^trousse/);
      assert.match(await machine.shell(`cat /proc/${pid}/limits`), /^Max core file size +0 +0/m);
      assert.match(await machine.shell(`cat /proc/${pid}/status`), /^CapEff:\t0{16}\n[^]*^NoNewPrivs:\t1$/m);
      const rated = await machine.run(["systemd-analyze", "security", "--no-pager", "--threshold=20", "trousseaud"]);
      assert.equal(rated.code, 0, rated.stdout);
      for (const command of [read, "cat /var/lib/trousseaud/local.keys", "cat /etc/trousseau/keyring.yaml"]) {
        const stranger = await machine.run([
          "setpriv",
          "--reuid=web",
          "--regid=web",
          "--clear-groups",
          "sh",
          "-c",
          command,
        ]);
        assert.notEqual(stranger.code, 0, command);
        assert.doesNotMatch(stranger.stdout + stranger.stderr, /mysuprP/);
      }
    },
  );

  await t.step("a reload keeps the process; a restart, a kill and a stop lose nothing", async () => {
    const first = await property(machine, "MainPID");
    await machine.shell("systemctl reload trousseaud");
    assert.equal(await machine.shell(read), "mysuprP@ssw0rd");
    assert.equal(await property(machine, "MainPID"), first);
    for (const end of ["systemctl restart trousseaud", `systemctl kill --signal=KILL trousseaud`]) {
      const before = await property(machine, "MainPID");
      await machine.shell(end);
      await waitFor("another process", async () => {
        const pid = await property(machine, "MainPID");
        return pid !== before && pid !== "0";
      }, soon);
      await machine.shell("clectl health --wait 100s --quiet", { seconds: 110 });
      assert.equal(await machine.shell(read), "mysuprP@ssw0rd", end);
    }
    await machine.shell("systemctl stop trousseaud");
    assert.equal(await property(machine, "Result"), "success");
    await machine.shell("test ! -e /run/trousseaud/admin/admin.sock && test -d /run/trousseaud/admin");
    await machine.shell("systemctl start trousseaud && clectl health --wait 100s --quiet", { seconds: 110 });
    assert.doesNotMatch(await machine.shell("journalctl --no-pager --output=cat"), /mysuprP/);
  });

  await t.step("web-render writes the file, and web-reload has web read it anew when a secret changes", async () => {
    const policy = "roles: { web: { take: [{ socket: web }], rules: [{ path: db, verbs: [read, list] }] } }";
    await machine.shell("cat > /root/policy.yaml && clectl policy set /root/policy.yaml", { stdin: policy });
    await machine.shell("mkdir /etc/web && cat > /etc/web/app.conf.tmpl", { stdin: "p={{ db/john#p }}\n" });
    const web = "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/sh -c 'echo read >> /run/web-reads'\n";
    await machine.shell("cat > /etc/systemd/system/web.service", { stdin: web });
    await machine.shell(
      `cp ${release}/deploy/systemd/web-* /etc/systemd/system/ && systemctl daemon-reload && systemctl start web`,
    );
    await machine.shell("systemctl enable --now web-render.service web-reload.path");
    const file = "/run/web-render/app.conf";
    const holds = (value: string) =>
      waitFor(`a file with ${value}`, async () => {
        return (await machine.run(["cat", file])).stdout === `p=${value}\n`;
      }, soon);
    await holds("mysuprP@ssw0rd");
    assert.deepEqual(await owners(machine, [file, "/run/web-render"]), [
      `600 web:web ${file}`,
      "700 web:web /run/web-render",
    ]);
    const reads = async () => (await machine.run(["cat", "/run/web-reads"])).stdout.split("\n").length;
    const before = await reads();
    await machine.shell("clectl update db/john --field p --stdin", { stdin: "another" });
    await holds("another");
    await waitFor("web to read its file anew", async () => await reads() > before, soon);
    assert.equal(await property(machine, "ActiveState", "web.service"), "active");
    assert.match(
      await machine.shell("cat /var/lib/trousseaud/audit.jsonl"),
      /"identity":"socket:web","action":"secret\.[a-z_]*read/,
    );
  });
  await Deno.remove(folder, { recursive: true });
});
