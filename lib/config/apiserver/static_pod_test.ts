import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { flagValue, readFlags } from "./flags.ts";
import { hostPathOf, readApiServerPod } from "./static_pod.ts";

const manifest = `
apiVersion: v1
kind: Pod
spec:
  securityContext: { runAsUser: 1001, supplementalGroups: [7], fsGroup: 8 }
  containers:
    - name: sidecar
      command: [sleep]
    - name: kube-apiserver
      securityContext: { runAsGroup: 1002 }
      command: [kube-apiserver, --secure-port=6443]
      args: ["--encryption-provider-config=/enc/encryption.yaml"]
      volumeMounts:
        - { name: enc, mountPath: /enc/ }
        - { name: run, mountPath: /run/trousseau }
        - { name: deep, mountPath: /enc/deep, subPath: sub }
        - { name: scratch, mountPath: /tmp }
  volumes:
    - { name: enc, hostPath: { path: /etc/kubernetes/enc } }
    - { name: run, hostPath: { path: /run/kms/, type: Directory } }
    - { name: deep, hostPath: { path: /srv } }
    - { name: scratch, emptyDir: {} }
`;

Deno.test("readApiServerPod() reads command line, user, groups and mounts", () => {
  const pod = readApiServerPod(manifest);
  ok(pod !== undefined);
  equal(flagValue(readFlags(pod.words), "encryption-provider-config"), "/enc/encryption.yaml");
  deepEqual([pod.user, pod.group, pod.moreGroups], [1001, 1002, [7, 8]]);
});

Deno.test("hostPathOf() finds the place on the node by the longest mount", () => {
  const pod = readApiServerPod(manifest);
  ok(pod !== undefined);
  const paths = [
    "/enc/encryption.yaml",
    "/run/trousseau/kms.sock",
    "/run/trousseau",
    "/enc/deep/a",
    "/encx/a",
    "/tmp/a",
  ];
  deepEqual(paths.map((path) => hostPathOf(pod, path)), [
    "/etc/kubernetes/enc/encryption.yaml",
    "/run/kms/kms.sock",
    "/run/kms",
    "/srv/sub/a",
    undefined,
    undefined,
  ]);
});

Deno.test("hostPathOf() takes /var/run of the container for /run", () => {
  const mounts = [{ mountPath: "/run/trousseau", hostPath: "/a" }, { mountPath: "/var/run/other", hostPath: "/b" }];
  const paths = ["/var/run/trousseau/kms.sock", "/run/other/kms.sock", "/var/run/other", "/var/running/trousseau"];
  deepEqual(paths.map((path) => hostPathOf({ mounts }, path)), ["/a/kms.sock", "/b/kms.sock", "/b", undefined]);
});

Deno.test("readApiServerPod() splits the script of a shell", () => {
  const pod = readApiServerPod(
    'spec: { containers: [{ command: [sh, -c, "exec /usr/bin/kube-apiserver --a=1 --b=2"] }] }',
  );
  deepEqual([...readFlags(pod?.words ?? [])].map(([name]) => name), ["c", "a", "b"]);
});

Deno.test("readApiServerPod() refuses what is no such pod, and takes any text", () => {
  for (const text of ["", "[1", "spec: 1", "spec: { containers: [1, null, { command: [etcd] }] }"]) {
    equal(readApiServerPod(text), undefined);
  }
  fc.assert(fc.property(fc.json(), (text) => void readApiServerPod(`{"spec":{"containers":[${text}]}}`)));
});
