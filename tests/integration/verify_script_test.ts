/**
 * `trousseau verify` in a script with `etcdctl`: values of several origins, a snapshot, and one changed byte.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { startCluster } from "../support/etcd.ts";
import { mainFile } from "../support/local_plugin.ts";
import { run } from "../support/processes.ts";

const fill = String.raw`
printf 'k8s\x00\x0a\x0c\x0a\x02v1\x12\x06Secret'                | etcdctl put /registry/secrets/a/plain
printf 'k8s:enc:aesgcm:v1:k1:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'  | etcdctl put /registry/secrets/a/gcm
printf 'k8s:enc:kms:v2:other:\x12\x03abc'                       | etcdctl put /registry/configmaps/a/kms
etcdctl snapshot save s.db >&2`;

const verify = "trousseau verify --snapshot s.db";

Deno.test("a script counts plain, aesgcm and another plugin's values in a snapshot, and a changed byte is refused", async () => {
  await using etcd = await startCluster();
  const { caFile = "", certificateFile = "", keyFile = "" } = etcd.settings.tls;
  const env = {
    ETCDCTL_API: "3",
    ETCDCTL_ENDPOINTS: etcd.settings.endpoints.join(),
    ETCDCTL_CACERT: caFile,
    ETCDCTL_CERT: certificateFile,
    ETCDCTL_KEY: keyFile,
  };
  const words = ["run", "--quiet", ...permissionFlags(), mainFile].map((word) => `'${word}'`).join(" ");
  const program = `trousseau() { '${Deno.execPath()}' ${words} "$@"; }; cd '${etcd.folder}'`;
  const typed = (script: string) => run("bash", ["-c", `${program}\n${script}`], { env });
  const filled = await typed(`set -e -o pipefail${fill}`);
  equal(filled.code, 0, filled.stderr);

  const counted = await typed(`${verify} --expect-key-id t1-x --json`);
  equal(counted.code, 1, counted.stderr);
  type Row = Readonly<Record<"resource" | "state" | "provider" | "keyId" | "objects", unknown>>;
  const rows: readonly Row[] = JSON.parse(counted.stdout).rows;
  deepEqual(rows.map(({ resource, state, provider, keyId, objects }) => [resource, state, provider, keyId, objects]), [
    ["configmaps", "kms-v2", "other", "abc", 1],
    ["secrets", "aesgcm", "k1", null, 1],
    ["secrets", "plain", null, null, 1],
  ]);

  const changed = await typed(`printf x | dd of=s.db bs=1 seek=9000 conv=notrunc 2> /dev/null; ${verify}`);
  equal(changed.code, 65, changed.stdout);
  match(changed.stderr, /SHA-256/);
});
