/**
 * The pages of k3s and RKE2: the blocks are the files of `deploy`, and `trousseau doctor` finds a node well that has them.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { dirname } from "node:path";
import { parse } from "yaml";
import { encryptionConfiguration, encryptionDefaults } from "../../lib/cli/trousseau/encryption_configuration.ts";
import { apiServerFindings } from "../../lib/cli/trousseau/doctor/api_server_findings.ts";
import { findApiServer } from "../../lib/config/apiserver/api_server.ts";
import { hostFiles } from "../../lib/config/apiserver/host_files.ts";
import { writeHost } from "../support/host_folder.ts";
import { readPage } from "./markdown.ts";

const root = new URL("../..", import.meta.url).pathname;
const socket = "/run/trousseau/kms.sock";

/** The block of the settings on the page of a distribution. */
async function settingsOf(name: string): Promise<string> {
  const path = `docs/deploy/${name}.md`;
  const { blocks } = readPage(path, await Deno.readTextFile(`${root}/${path}`));
  const [block, ...more] = blocks.filter(({ language, text }) => language === "yaml" && text.includes("+:"));
  ok(block !== undefined && more.length === 0, path);
  return block.text;
}

/** The findings about kube-apiserver on a node with the settings of the page. */
async function findingsWith(name: string, settings: string, more: string) {
  const file = `/etc/rancher/${name}/encryption/config.yaml`;
  await using host = await writeHost({
    [`/etc/rancher/${name}/config.yaml`]: more,
    [`/etc/rancher/${name}/config.yaml.d/trousseau.yaml`]: settings,
    [file]: encryptionConfiguration({ ...encryptionDefaults, socketPath: socket, identity: "last" }),
  });
  const files = hostFiles(host.root);
  const start = await findApiServer(files, []);
  equal(start?.by, name);
  return await apiServerFindings({ start, given: undefined, socket, files });
}

for (const name of ["k3s", "rke2"]) {
  Deno.test(`the block on the page of ${name} is the file of deploy/${name}`, async () => {
    const file = await Deno.readTextFile(`${root}/deploy/${name}/config.yaml`);
    equal(file.split("\n").filter((line) => !line.startsWith("#")).join("\n").trim(), (await settingsOf(name)).trim());
  });

  Deno.test(`trousseau doctor finds a server of ${name} well that has the block of its page beside its own settings`, async () => {
    const own = "secrets-encryption: true\nkube-apiserver-arg:\n  - audit-log-maxage=7\n";
    const findings = await findingsWith(name, await settingsOf(name), own);
    deepEqual(findings.filter(({ severity }) => severity === "bad"), []);
    ok(findings.some(({ id }) => id === "apiserver-found"));
    const broken = await findingsWith(name, "kube-apiserver-arg: [audit-log-maxage=7]\n", own);
    equal(broken.some(({ id }) => id === "apiserver-found"), false);
  });
}

Deno.test("the mounts on the page of RKE2 show kube-apiserver each folder at its own path", async () => {
  const { "kube-apiserver-extra-mount+": mounts } = parse(await settingsOf("rke2"));
  const folders = mounts.map((mount: string) => {
    const [onNode, inContainer, mode = "rw"] = mount.split(":");
    equal(onNode, inContainer);
    return [onNode, mode];
  });
  deepEqual(folders, [["/etc/rancher/rke2/encryption", "ro"], [dirname(socket), "rw"]]);
});
