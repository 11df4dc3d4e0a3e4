import { deepEqual, equal, match, notEqual, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { kubeadmManifest } from "../../../tests/support/kubeadm_manifest.ts";
import { withEncryption, withoutEncryption } from "./manifest_edit.ts";
import { flagValue, readFlags } from "./flags.ts";
import { hostPathOf, readApiServerPod } from "./static_pod.ts";

const path = "/etc/kubernetes/manifests/kube-apiserver.yaml";
const files = {
  file: "/etc/kubernetes/enc/config.yaml",
  sockets: ["/run/trousseau/kms.sock"],
  reload: false,
} as const;
const flag = `--encryption-provider-config=${files.file}`;

Deno.test("withEncryption() adds one flag, two mounts and two volumes to kubeadm's manifest", () => {
  const before = kubeadmManifest();
  const after = withEncryption(path, before, files);
  const added = after.split("\n").filter((line) => !before.split("\n").includes(line));
  deepEqual(added, [
    `    - ${flag}`,
    "    - mountPath: /etc/kubernetes/enc",
    "      name: trousseau-encryption-config",
    "    - mountPath: /run/trousseau",
    "      name: trousseau-socket",
    "      path: /etc/kubernetes/enc",
    "      type: Directory",
    "    name: trousseau-encryption-config",
    "      path: /run/trousseau",
    "      type: Directory",
    "    name: trousseau-socket",
  ]);
  const pod = readApiServerPod(after);
  ok(pod !== undefined);
  equal(flagValue(readFlags(pod.words), "encryption-provider-config"), files.file);
  deepEqual([files.file, ...files.sockets].map((one) => hostPathOf(pod, one)), [files.file, ...files.sockets]);
  const [old, edited] = [parse(before), parse(after)];
  deepEqual(edited.spec.containers[0].volumeMounts.slice(0, 3), old.spec.containers[0].volumeMounts);
  equal(edited.spec.containers[0].volumeMounts[3].readOnly, true);
});

Deno.test("withEncryption() adds the flag of automatic reload, also later, and changes nothing the second time", () => {
  const once = withEncryption(path, kubeadmManifest(), files);
  equal(withEncryption(path, once, files), once);
  const reloading = withEncryption(path, once, { ...files, reload: true });
  match(reloading, / {4}- --encryption-provider-config-automatic-reload=true\n/);
  equal(withEncryption(path, reloading, files), reloading);
  equal(withoutEncryption(path, reloading, files.file), kubeadmManifest());
});

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const manifests = fc.record({
  flags: fc.array(
    fc.oneof(
      fc.tuple(word, word).map(([name, value]) => `--a-${name}=${value}`),
      fc.constantFrom('"--b-quoted=a b"', "'--c-quoted=#'", "--d-bare", "--e-comment=1 # why", "|-\n        --f-block"),
    ),
    { minLength: 1, maxLength: 6 },
  ).filter(([first]) => first?.startsWith("--") ?? false),
  folders: fc.uniqueArray(word.map((name) => `/etc/kubernetes/${name}`), { minLength: 1, maxLength: 4 })
    .filter((folders) => !folders.includes("/etc/kubernetes/enc")),
  dash: fc.constantFrom(0, 2),
  between: fc.constantFrom([], [""], ["# a comment", ""], ["    # indented"], ["", "", "# é 🔑"]),
  newline: fc.constantFrom("\n" as const, "\r\n" as const),
  isOpen: fc.boolean(),
});
const edits = fc.record({
  file: fc.constantFrom("/etc/kubernetes/enc/config.yaml", "/srv/a b/é #.yaml", "/etc/kubernetes/enc/deep/x.yaml"),
  sockets: fc.constantFrom(["/run/trousseau/kms.sock"], ["/run/a/s", "/run/b/s"], ["/run/a/s", "/run/a/t"]),
  reload: fc.boolean(),
});

Deno.test("withoutEncryption() gives back every byte of the manifest before withEncryption()", () => {
  fc.assert(
    fc.property(manifests, edits, (parts, files) => {
      const before = kubeadmManifest(parts);
      const after = withEncryption(path, before, files);
      notEqual(after, before);
      equal(withoutEncryption(path, after, files.file), before);
      equal(withoutEncryption(path, before, files.file), before);
      const pod = readApiServerPod(after);
      ok(pod !== undefined);
      deepEqual([files.file, ...files.sockets].map((one) => hostPathOf(pod, one)), [files.file, ...files.sockets]);
    }),
    { numRuns: 30 },
  );
});

Deno.test("withoutEncryption() keeps what was changed in between", () => {
  const after = withEncryption(path, kubeadmManifest(), files);
  const upgraded = (text: string) => text.replace("v1.36.3", "v1.36.4").replace("cpu: 250m", "cpu: 500m # more");
  equal(withoutEncryption(path, upgraded(after), files.file), upgraded(kubeadmManifest()));
});

Deno.test("withEncryption() mounts no folder that is there already at the same path", () => {
  const folders = ["/etc/kubernetes", "/run/trousseau"];
  const before = kubeadmManifest({ folders });
  const last = "    - --tls-private-key-file=/etc/kubernetes/pki/apiserver.key\n";
  equal(withEncryption(path, before, files), before.replace(last, `${last}    - ${flag}\n`));
});

Deno.test("withEncryption() takes /var/run and /run for one folder", () => {
  const [short, long] = [["/run/trousseau/kms.sock"], ["/var/run/trousseau/kms.sock"]];
  for (const [mounted, asked] of [[short, long], [long, short], [long, long]] as const) {
    const once = withEncryption(path, kubeadmManifest(), { ...files, sockets: mounted });
    equal(withEncryption(path, once, { ...files, sockets: asked }), once);
  }
  const both = withEncryption(path, kubeadmManifest(), { ...files, sockets: [...short, ...long] });
  equal(both, withEncryption(path, kubeadmManifest(), files));
  const folders = ["/run/trousseau"];
  const other = kubeadmManifest({ folders }).replace("path: /run/trousseau", "path: /var/run/trousseau");
  equal(readApiServerPod(withEncryption(path, other, files))?.mounts.length, 2);
});

Deno.test("withEncryption() refuses another folder of the node at the other spelling of the path", () => {
  for (const taken of ["/var/run/trousseau", "/run/trousseau/"]) {
    const text = kubeadmManifest({ folders: ["/srv"] }).replace("mountPath: /srv", `mountPath: ${taken}`);
    throws(() => withEncryption(path, text, files), { code: "config", message: /volume srv already/ });
  }
});

const refusedManifests = [
  ["no YAML", "a: [", /kube-apiserver\.yaml:1:\d+: /],
  ["a key twice", "a: 1\na: 2\n", /this key stands in the same mapping twice/],
  ["no pod", "a: 1\n", /does not have exactly one container named kube-apiserver/],
  ["nothing", "", /does not have exactly one container/],
  ["anchors", `x: &a 1\n${kubeadmManifest()}`, /it has anchors/],
  [
    "brackets",
    kubeadmManifest().replace(/command:\n(.*\n)+?(?= {4}image)/, "command: [kube-apiserver, --a=1]\n"),
    /one flag/,
  ],
  ["a shell", kubeadmManifest({ flags: ["-c", "kube-apiserver --a=1"] }), /are not a list with one flag a line/],
  ["no volumes", kubeadmManifest({ isOpen: true }).replace(/ {2}volumes:[\s\S]*/, ""), /volumes of the pod is not/],
  ["two servers", kubeadmManifest().replace("  - command:", "  - name: kube-apiserver\n  - command:"), /exactly one/],
  ["another file", kubeadmManifest({ flags: ["--encryption-provider-config=/other.yaml"] }), /docs\/migrate\.md leads/],
  [
    "another file in two words",
    kubeadmManifest({ flags: ["--a=1", "--encryption-provider-config", "/other.yaml"] }),
    /has --encryption-provider-config=\/other\.yaml already/,
  ],
  [
    "a volume of the same name",
    withEncryption(path, kubeadmManifest(), { ...files, sockets: ["/run/other/kms.sock"] }),
    /has a volume trousseau-socket already, which is not \/run\/trousseau/,
  ],
  [
    "another folder at the path",
    kubeadmManifest({ folders: ["/srv"] }).replace("mountPath: /srv", "mountPath: /run/trousseau"),
    /volume srv/,
  ],
] as const;

for (const [name, text, complaint] of refusedManifests) {
  Deno.test(`withEncryption() refuses a manifest with ${name}`, () => {
    throws(() => withEncryption(path, text, files), { code: "config", message: complaint });
  });
}

Deno.test("withEncryption() refuses a folder that the container needs, and one that Kubernetes cannot mount", () => {
  const at = (socket: string) => () => withEncryption(path, kubeadmManifest(), { ...files, sockets: [socket] });
  for (const socket of ["/run/kms.sock", "/kms.sock", "/etc/kms.sock"]) throws(at(socket), { message: /would cover/ });
  for (const socket of ["/run/a:b/s", "/run/../x/s", "run/x/s"]) throws(at(socket), { message: /can mount/ });
});

Deno.test("withEncryption() refuses to contradict a flag of automatic reload", () => {
  const text = kubeadmManifest({ flags: ["--encryption-provider-config-automatic-reload=false"] });
  throws(() => withEncryption(path, text, { ...files, reload: true }), { message: /take that line out first/ });
});

Deno.test("withoutEncryption() refuses another file, and a flag in two words", () => {
  const other = kubeadmManifest({ flags: ["--encryption-provider-config=/other.yaml"] });
  throws(() => withoutEncryption(path, other, files.file), {
    message: /uses \/other\.yaml, and not \/etc.*--encryption-config/,
  });
  const words = kubeadmManifest({ flags: ["--a=1", "--encryption-provider-config", files.file] });
  throws(() => withoutEncryption(path, words, files.file), { message: /are not one item of the list of flags/ });
});

const reloadFlags = [
  "--encryption-provider-config-automatic-reload",
  "--encryption-provider-config-automatic-reload=false",
  "--encryption_provider_config_automatic_reload",
  "--encryption_provider_config-automatic_reload=true",
] as const;

for (const reload of reloadFlags) {
  Deno.test(`withoutEncryption() takes away ${reload}`, () => {
    const lines = `    - ${flag}\n    - ${reload}\n`;
    const text = withEncryption(path, kubeadmManifest(), files).replace(`    - ${flag}\n`, lines);
    equal(withoutEncryption(path, text, files.file), kubeadmManifest());
  });
}

Deno.test("withoutEncryption() takes away the flag of the file with underscores", () => {
  const text = withEncryption(path, kubeadmManifest(), files).replace(
    "--encryption-provider-",
    "--encryption_provider_",
  );
  equal(withoutEncryption(path, text, files.file), kubeadmManifest());
});

Deno.test("withoutEncryption() keeps flags with longer names", () => {
  const flags = ["--a=1", "--encryption-provider-config-other=1", "--encryption-provider-configs"];
  equal(withoutEncryption(path, kubeadmManifest({ flags }), files.file), kubeadmManifest({ flags }));
});

Deno.test("withoutEncryption() refuses a flag of encryption in a list that it does not edit", () => {
  for (const other of [flag, ...reloadFlags]) {
    const text = kubeadmManifest({ flags: [other] }).replace("    image:", "    args:\n    - --a=1\n    image:");
    throws(() => withoutEncryption(path, text, files.file), {
      code: "config",
      message: /are not one item of the list of flags/,
    });
  }
});

Deno.test("withEncryption() takes any text", () => {
  const mutated = fc.tuple(fc.nat(kubeadmManifest().length), fc.nat(20), fc.string()).map(([at, length, insert]) => {
    const text = kubeadmManifest();
    return text.slice(0, at) + insert + text.slice(at + length);
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), mutated), (text) => {
      for (const edit of [() => withEncryption(path, text, files), () => withoutEncryption(path, text, files.file)]) {
        try {
          edit();
        } catch (thrown) {
          equal(thrown instanceof Error && thrown.name, "KmsError");
        }
      }
    }),
    { numRuns: 60 },
  );
});
