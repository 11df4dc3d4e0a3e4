/**
 * Random operations on secrets, compared with a model in memory.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { TestSecrets, textField } from "../../../../tests/support/keyring_secrets.ts";
import { secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";

const { signal } = new AbortController();

/** The values of the versions, by place; what is not live is not read. */
interface ModelVersion {
  readonly value: string;
  readonly state: "live" | "deleted" | "destroyed";
}

type Model = Map<string, readonly ModelVersion[]>;

const paths = ["a", "a/b", "a/b/c", "d", "d/e"] as const;
const path = fc.constantFrom(...paths);
const value = fc.string({ maxLength: 5 });
const version = fc.integer({ min: 1, max: 4 });
const cas = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });
const operation = fc.oneof(
  fc.record({ verb: fc.constant("create" as const), path, value, cas }),
  fc.record({ verb: fc.constant("update" as const), path, value, cas }),
  fc.record({ verb: fc.constant("move" as const), path, to: path, cas }),
  fc.record({ verb: fc.constantFrom("delete" as const, "undelete" as const, "destroy" as const), path, version, cas }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

/** The code of a failure, or of the model: the first rule that an operation breaks. */
function expected(model: Model, operation: Operation): string {
  const versions = model.get(operation.path);
  const last = versions?.at(-1);
  const isStale = operation.cas !== undefined && operation.cas !== (versions?.length ?? 0);
  if (operation.verb === "create") {
    if (isStale) return "version_mismatch";
    if (versions && operation.cas === undefined) return "exists";
    model.set(operation.path, [...versions ?? [], { value: operation.value, state: "live" }]);
    return "ok";
  }
  if (!versions) return "not_found";
  if (isStale) return "version_mismatch";
  if (operation.verb === "update") {
    if (last?.state !== "live") return last?.state ?? "";
    model.set(operation.path, [...versions, { value: operation.value, state: "live" }]);
  } else if (operation.verb === "move") {
    if (model.has(operation.to)) return "exists";
    model.delete(operation.path);
    model.set(operation.to, versions);
  } else {
    const { verb, version } = operation;
    const chosen = versions[version - 1];
    if (!chosen) return "version_mismatch";
    if (verb !== "destroy" && chosen.state === "destroyed") return "destroyed";
    const state = ({ delete: "deleted", undelete: "live", destroy: "destroyed" } as const)[verb];
    model.set(operation.path, versions.map((one) => one === chosen ? { ...one, state } : one));
  }
  return "ok";
}

async function run({ secrets }: TestSecrets, operation: Operation): Promise<void> {
  const at = secretPath(operation.path);
  const call = { signal, ...(operation.cas !== undefined && { cas: operation.cas }) };
  switch (operation.verb) {
    case "create":
    case "update":
      return void await secrets[operation.verb](at, { fields: [textField("value", operation.value)] }, call);
    case "move":
      return void await secrets.move(at, secretPath(operation.to), call);
    default:
      return void await secrets[operation.verb](at, { versions: [operation.version] }, call);
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "ok";
  } catch (thrown) {
    if (thrown instanceof KeyringError) return thrown.code;
    throw thrown;
  }
}

async function compare(stage: TestSecrets, model: Model): Promise<void> {
  for (const one of paths) {
    const versions = model.get(one);
    if (!versions) {
      assert.equal(await codeOf(stage.text(one)), "not_found", one);
      continue;
    }
    for (const [index, { value, state }] of versions.entries()) {
      const text = stage.text(one, index + 1);
      if (state === "live") assert.equal(await text, value);
      else assert.equal(await codeOf(text), state);
    }
  }
  const inFolder = (folder: string) => {
    const below = [...model.keys()].filter((one) => one.startsWith(folder)).map((one) => one.slice(folder.length));
    const names = below.map((one) => one.includes("/") ? one.slice(0, one.indexOf("/") + 1) : one);
    return [...new Set(names)].map((name) => folder + name).toSorted();
  };
  for (const folder of ["", "a/", "a/b/", "d/"]) {
    const wanted = inFolder(folder);
    const shown = folder === "" || wanted.length > 0 ? await stage.paths(folder) : [];
    assert.deepEqual(shown, wanted, folder);
    if (folder !== "" && wanted.length === 0) assert.equal(await codeOf(stage.paths(folder)), "not_found");
  }
}

Deno.test("Secrets behaves as a map of versions by path, on one server and on another", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 25 }), async (operations) => {
      await using stage = new TestSecrets();
      await using second = stage.again();
      const model: Model = new Map();
      for (const [index, one] of operations.entries()) {
        const wanted = expected(model, one);
        assert.equal(await codeOf(run(index % 3 === 2 ? second : stage, one)), wanted, JSON.stringify(one));
      }
      await compare(stage, model);
      await compare(second, model);
    }),
    { numRuns: 150 },
  );
});
