import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

// Only the fields that the manifest uses, checked strictly: kubelet ignores an unknown field silently.
const probe = z.strictObject({
  httpGet: z.strictObject({ host: z.literal("127.0.0.1"), port: z.literal(8090), path: z.literal("/livez") }),
  periodSeconds: z.int(),
  timeoutSeconds: z.int(),
  failureThreshold: z.int(),
});
const container = z.strictObject({
  name: z.literal("trousseau"),
  image: z.string(),
  imagePullPolicy: z.enum(["IfNotPresent", "Never"]),
  args: z.array(z.string()),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    privileged: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal("ALL")]) }),
  }),
  resources: z.strictObject({
    requests: z.strictObject({ cpu: z.string(), memory: z.string() }),
    limits: z.strictObject({ memory: z.string() }),
  }),
  startupProbe: probe,
  livenessProbe: probe,
  volumeMounts: z.array(
    z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.literal(true).optional() }),
  ),
});
const pod = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Pod"),
  metadata: z.strictObject({
    name: z.literal("trousseau"),
    namespace: z.literal("kube-system"),
    labels: z.record(z.string(), z.string()),
  }),
  spec: z.strictObject({
    hostNetwork: z.literal(true),
    dnsPolicy: z.literal("Default"),
    automountServiceAccountToken: z.literal(false),
    enableServiceLinks: z.literal(false),
    restartPolicy: z.literal("Always"),
    terminationGracePeriodSeconds: z.int(),
    priorityClassName: z.literal("system-node-critical"),
    priority: z.literal(2000001000),
    securityContext: z.strictObject({
      runAsNonRoot: z.literal(true),
      runAsUser: z.literal(65532),
      runAsGroup: z.literal(65532),
      seccompProfile: z.strictObject({ type: z.literal("RuntimeDefault") }),
    }),
    containers: z.tuple([container]),
    volumes: z.array(z.strictObject({
      name: z.string(),
      hostPath: z.strictObject({ path: z.string(), type: z.literal("Directory") }),
    })),
  }),
});

const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));
const documents = parseAllDocuments(await read("static-pod.yaml"));

Deno.test("static-pod.yaml is one pod with no field that is not meant", () => {
  assert.equal(documents.length, 1);
  pod.parse(documents[0]?.toJS());
});

Deno.test("static-pod.yaml needs nothing of the API server that it serves", async () => {
  const text = await read("static-pod.yaml");
  for (const word of ["serviceAccountName", "imagePullSecrets", "secretKeyRef", "configMapKeyRef", "configMap:"]) {
    assert.ok(!text.includes(word), word);
  }
});

Deno.test("static-pod.yaml mounts each volume once, and only the socket's and the state folder to be written", () => {
  const { volumes, containers: [{ volumeMounts }] } = pod.parse(documents[0]?.toJS()).spec;
  assert.deepEqual(volumes.map(({ name }) => name), volumeMounts.map(({ name }) => name));
  for (const { name, hostPath } of volumes) {
    assert.equal(volumeMounts.find((mount) => mount.name === name)?.mountPath, hostPath.path);
  }
  const writable = volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
  assert.deepEqual(writable, ["/run/trousseau", "/var/lib/trousseau"]);
});

Deno.test("trousseau.tmpfiles.conf makes the folders that the pod writes to, for the pod's user", async () => {
  const { volumes, securityContext } = pod.parse(documents[0]?.toJS()).spec;
  const lines = (await read("trousseau.tmpfiles.conf")).split("\n").filter((line) => /^[^#]/.test(line));
  const made = lines.map((line) => line.split(" "));
  assert.deepEqual(made.map(([, path]) => path), volumes.slice(0, 2).map(({ hostPath }) => hostPath.path));
  for (const [type, , , user, group] of made) {
    assert.deepEqual([type, Number(user), Number(group)], ["d", securityContext.runAsUser, securityContext.runAsGroup]);
  }
});

Deno.test("static-pod.yaml runs the image of this version", async () => {
  const { version }: { version: string } = JSON.parse(await read("../../deno.json"));
  assert.equal(pod.parse(documents[0]?.toJS()).spec.containers[0].image, `localhost/trousseau:${version}`);
});
