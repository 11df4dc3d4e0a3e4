import assert from "node:assert/strict";
import { environmentFrom, environmentVariables, readEnvironment, secretVariablePattern } from "./environment.ts";
import { runtimeVariablesWarning } from "./runtime_variables.ts";

Deno.test("environmentVariables is exactly this list", () => {
  // Each variable that the program may read is a deliberate decision, to be repeated here.
  assert.deepEqual(Object.keys(environmentVariables), [
    "TROUSSEAU_CONFIG",
    "XDG_RUNTIME_DIR",
    "STATE_DIRECTORY",
    "MAINPID",
    "NO_COLOR",
    "TERM",
    "VAULT_TOKEN",
    "BAO_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "TROUSSEAU_SECRET_*",
  ]);
});

Deno.test("secretVariablePattern matches the variables in the list that contain secrets", () => {
  for (const name of ["TROUSSEAU_SECRET_A", "TROUSSEAU_SECRET_VAULT_EU_2", "VAULT_TOKEN", "BAO_TOKEN"]) {
    assert.match(name, secretVariablePattern);
  }
  for (
    const name of [
      "TROUSSEAU_SECRET_",
      "TROUSSEAU_CONFIG",
      "HOME",
      "VAULT_TOKEN2",
      "trousseau_secret_a",
      "VAULT_TOKEN\n",
      "AWS_SECRET_ACCESS_KEY",
    ]
  ) {
    assert.doesNotMatch(name, secretVariablePattern);
  }
});

Deno.test("environmentFrom() treats an empty variable as unset", () => {
  const environment = environmentFrom(() => "");
  assert.equal(environment.get("XDG_RUNTIME_DIR"), undefined);
  assert.equal(environment.secret("VAULT_TOKEN"), undefined);
});

Deno.test("environmentFrom() reports whether a variable of the runtime is set, and runtimeVariablesWarning() which ones", () => {
  const set: Readonly<Record<string, string>> = {
    NODE_OPTIONS: "--require canary",
    https_proxy: "canary",
    NODE_DEBUG: "",
  };
  const environment = environmentFrom((name) => set[name]);
  assert.deepEqual([environment.has("NODE_OPTIONS"), environment.has("NODE_DEBUG")], [true, false]);
  assert.equal(
    runtimeVariablesWarning(environment),
    "Take these variables out of the environment of Trousseau: https_proxy has no effect: set proxy: of a provider instead; " +
      "NODE_OPTIONS may run other code in this process.",
  );
  assert.equal(runtimeVariablesWarning(environmentFrom(() => undefined)), undefined);
});

Deno.test("environmentFrom() returns a secret for secret names only, and hides it", () => {
  const environment = environmentFrom(() => "canary");
  assert.equal(environment.secret("VAULT_TOKEN")?.reveal(), "canary");
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]) {
    assert.equal(environment.secret(name)?.reveal(), "canary");
  }
  for (const name of ["HOME", "AWS_PROFILE", "AWS_ROLE_ARN"]) assert.equal(environment.secret(name), undefined);
  assert.ok(!Deno.inspect({ environment, secret: environment.secret("VAULT_TOKEN") }, { depth: 9 }).includes("canary"));
});

Deno.test({
  name: "readEnvironment() treats a variable without read permission as unset",
  permissions: { env: false },
  fn() {
    assert.equal(readEnvironment().get("TERM"), undefined);
    const environment = readEnvironment();
    assert.equal(environment.secret("VAULT_TOKEN"), undefined);
    assert.ok(environment.mayNotRead("VAULT_TOKEN"));
    assert.ok(!environment.mayNotRead("TERM"), "nobody asked for it");
  },
});
