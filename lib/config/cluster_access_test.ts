import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { Authority } from "../../tests/support/certificates.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { readClusterAccess } from "./cluster_access.ts";
import { environmentFrom } from "./environment.ts";

function environment(variables: Readonly<Record<string, string>>) {
  return environmentFrom((name) => variables[name]);
}

const pod = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "6443" };

Deno.test("readClusterAccess() uses the pod's ServiceAccount, and reads its token at each request", () =>
  inFolder(async (folder) => {
    const { certificate } = new Authority();
    await Deno.writeTextFile(`${folder}/ca.crt`, certificate);
    await Deno.writeTextFile(`${folder}/token`, "s.first\n");
    const access = await readClusterAccess(undefined, environment(pod), folder);
    deepEqual([access.server.href, access.ca, access.certificate], ["https://10.96.0.1:6443/", certificate, undefined]);
    equal((await access.token?.read())?.reveal(), "s.first");
    await Deno.writeTextFile(`${folder}/token`, "s.second\n");
    equal((await access.token?.read())?.reveal(), "s.second");
    const six = await readClusterAccess(undefined, environment({ KUBERNETES_SERVICE_HOST: "fd00::1" }), folder);
    equal(six.server.href, "https://[fd00::1]/");
  }));

Deno.test("readClusterAccess() refuses a pod without token or CA, and a place that is no pod", () =>
  inFolder(async (folder) => {
    const read = (variables: Readonly<Record<string, string>>) =>
      readClusterAccess(undefined, environment(variables), folder);
    await rejects(read({}), { code: "config", message: /^Name a cluster by --kubeconfig; / });
    await rejects(read({ KUBERNETES_SERVICE_HOST: "user@host/" }), { code: "config", message: /are no address/ });
    await rejects(read(pod), { code: "config", message: /token: there is no such file/ });
    await Deno.writeTextFile(`${folder}/token`, "s.token");
    await rejects(read(pod), { code: "config", message: /ca\.crt: there is no such file/ });
    await Deno.writeTextFile(`${folder}/ca.crt`, "no certificate");
    await rejects(read(pod), { code: "config", message: /ca\.crt: it holds no certificate in PEM/ });
  }));

Deno.test("readClusterAccess() prefers the kubeconfig that is named", async () => {
  const thrown = await readClusterAccess("/nonexistent/config", environment(pod)).then(() => "", String);
  match(thrown, /\/nonexistent\/config/);
});
